"""The page of methods names functions, rules and configuration keys that exist."""

import ast
import re
from functools import cache, reduce

import yaml
from jsonschema import Draft202012Validator
from loaded import load_rules
from project import ROOT

PAGE = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
# The names that `*` stands for where a key's default is looked up.
PAPER = {
    **{"cohorts": ["stnet"], "targets": ["top250", "composition"]},
    "features": ["nuclei", "densenet121-imagenet"],
    "experiments": ["densenet121", "nuclei", "ridge", "coordinates"],
    "external": ["visium", "tcga"],
}
# What stands in place of a default that is too long for a cell.
IN_FILE = "config/config.yaml"


def rows():
    """Cells by heading of every row of the page's tables."""
    heading = None
    for line in PAGE.splitlines():
        if not line.startswith("|"):
            heading = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if heading is None:
            heading = cells
        elif not set(line) <= set("|- "):
            yield dict(zip(heading, cells, strict=True))


def code(text):
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def column(name):
    """What stands between backticks in a column, in order, each once."""
    return list(dict.fromkeys(item for row in rows() for item in code(row.get(name, ""))))


@cache
def names_in(path):
    """Functions, classes and constants at the top of a module."""
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def schemas_of(key):
    """Schemas of a key: several where kinds of experiment share it, none if it is unknown."""
    first, *parts = key.split(".")
    kinds = {"experiments": "kinds", "external": "sources", "features": "features"}
    if first in kinds:
        found, parts = list(SCHEMA["$defs"][kinds[first]].values()), parts[1:]
    else:
        found = [SCHEMA["properties"][first]] if first in SCHEMA["properties"] else []
    for part in parts:
        inner = []
        for schema in (branch for each in found for branch in branches(each)):
            if part == "*":
                inner += schema.get("patternProperties", {}).values()
            elif part in schema.get("properties", {}):
                inner.append(schema["properties"][part])
        found = inner
    return list(map(resolved, found))


def resolved(schema):
    """The schema that a reference into `$defs` means."""
    if "$ref" not in schema:
        return schema
    found = SCHEMA
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def branches(schema):
    """The schemas that a schema comes down to: itself, or those that it decides between."""
    schema = resolved(schema)
    if "else" not in schema:
        return [schema]
    return [*branches(schema["then"]), *branches(schema["else"])]


def default_of(key):
    """Value of a key in the paper's configuration, in the first row that has it."""
    first, *parts = key.split(".")
    if parts[:1] != ["*"]:
        return reduce(lambda value, part: value[part], parts, CONFIG[first])
    rows = [CONFIG[first][name] for name in PAPER[first]]
    row = next(row for row in rows if parts[1] in row)
    return reduce(lambda value, part: value[part], parts[1:], row)


def test_the_page_was_read():
    headings = {"Sentence", "Function", "Rule", "Configuration", "Source and remarks"}
    assert sum(row.keys() == headings for row in rows()) > 100
    assert len(column("Rule")) > 15


def test_backticks_in_the_columns_are_references():
    assert all(re.fullmatch(r"src/stnet/[\w/]+\.py: \w+", item) for item in column("Function"))


def test_functions_exist():
    references = sorted(set(re.findall(r"(src/stnet/\S+\.py): (\w+)", PAGE)))
    assert len(references) > 100
    assert [pair for pair in references if pair[1] not in names_in(pair[0])] == []


def test_files_exist():
    paths = sorted({path for path in code(PAGE) if re.match(r"\w+/\S+\.\w+$", path)})
    outside = ("results/", "tables/", "bin/")  # made by a run, or the released code's
    assert [p for p in paths if not p.startswith(outside) and not (ROOT / p).exists()] == []


def test_rules_exist():
    assert set(column("Rule")) - load_rules().keys() == set()


def test_configuration_keys_exist():
    in_text = re.findall(rf"`((?:{'|'.join([*PAPER, 'hosts'])})\.[\w.*]+)`", PAGE)
    keys = {*column("Configuration"), *column("Key"), *in_text}
    assert len(keys) > 50
    assert sorted(key for key in keys if not schemas_of(key)) == []


def mistakes_of(row):
    """What of a key's default and alternatives is not so in the configuration and its schema."""
    [key] = code(row["Key"])
    [default] = code(row["Default"])
    own = default_of(key)
    if default == IN_FILE:
        if not isinstance(own, dict):
            yield f"{key}: {own!r} is short enough for the table"
    elif yaml.safe_load(default) != own:
        yield f"{key}: {default} in the table, {own!r} in the configuration"
    for alternative in map(yaml.safe_load, code(row["Alternative"])):
        if alternative == own:
            yield f"{key}: {alternative} is the default"
        if not any(
            Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]}).is_valid(alternative)
            for schema in schemas_of(key)
        ):
            yield f"{key}: {alternative} is not valid"


def test_defaults_and_alternatives_are_the_configurations():
    choices = [row for row in rows() if "Alternative" in row]
    assert len(choices) > 50
    assert [mistake for row in choices for mistake in mistakes_of(row)] == []


def test_wrong_defaults_and_alternatives_are_recognised():
    row = {"Key": "`experiments.*.epochs`", "Default": "`49`", "Alternative": "`50`, `-1`"}
    assert len(list(mistakes_of(row))) == 3
    row["Default"] = f"`{IN_FILE}`"
    assert len(list(mistakes_of(row))) == 3


def test_unknown_keys_are_recognised():
    keys = ["experiments.*.los", "cohorts.*.report.genes", "targets.*.factor", "features.*.radius"]
    assert [key for key in [*keys, "nothing", "*"] if schemas_of(key)] == []


def test_an_unknown_function_is_recognised():
    assert "choose_gene" not in names_in("src/stnet/expression/targets.py")
