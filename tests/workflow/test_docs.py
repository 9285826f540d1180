"""The page of methods names functions, rules and configuration keys that exist."""

import ast
import re
from functools import cache, reduce

import pytest
import yaml
from jsonschema import Draft202012Validator
from project import ROOT

PAGE = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
RULES = {
    rule
    for path in (ROOT / "workflow/rules").glob("*.smk")
    for rule in re.findall(r"^ *(?:rule|use rule \w+ as) (\w+)(?: with)?:", path.read_text(), re.M)
}
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


@pytest.mark.parametrize("reference", sorted(set(re.findall(r"src/stnet/\S+\.py: \w+", PAGE))))
def test_function_exists(reference):
    path, name = reference.split(": ")
    assert name in names_in(path)


@pytest.mark.parametrize("path", sorted({p for p in code(PAGE) if re.match(r"\w+/\S+\.\w+$", p)}))
def test_file_exists(path):
    outside = ("results/", "tables/", "bin/")  # made by a run, or the released code's
    assert path.startswith(outside) or (ROOT / path).exists()


@pytest.mark.parametrize("rule", column("Rule"))
def test_rule_exists(rule):
    assert rule in RULES


@pytest.mark.parametrize(
    "key",
    list(
        dict.fromkeys(
            [
                *column("Configuration"),
                *column("Key"),
                *re.findall(rf"`((?:{'|'.join([*PAPER, 'hosts'])})\.[\w.*]+)`", PAGE),
            ]
        )
    ),
)
def test_configuration_key_exists(key):
    assert schemas_of(key)


CHOICES = [row for row in rows() if "Alternative" in row]


@pytest.mark.parametrize("row", CHOICES, ids=[row["Key"].strip("`") for row in CHOICES])
def test_default_and_alternatives_are_the_configurations(row):
    [key] = code(row["Key"])
    [default] = code(row["Default"])
    if default == IN_FILE:
        assert isinstance(default_of(key), dict)
    else:
        assert yaml.safe_load(default) == default_of(key)
    for alternative in map(yaml.safe_load, code(row["Alternative"])):
        assert alternative != default_of(key)
        assert any(
            Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]}).is_valid(alternative)
            for schema in schemas_of(key)
        )


@pytest.mark.parametrize(
    "key",
    [
        *["experiments.*.los", "cohorts.*.report.genes", "targets.*.factor", "features.*.radius"],
        *["nothing", "*"],
    ],
)
def test_an_unknown_key_is_recognised(key):
    assert not schemas_of(key)


def test_an_unknown_function_is_recognised():
    assert "choose_gene" not in names_in("src/stnet/expression/targets.py")
