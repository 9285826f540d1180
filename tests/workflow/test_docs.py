"""The page of methods names functions, rules and configuration keys that exist."""

import ast
import json
import re
from functools import cache

import yaml
from jsonschema import Draft202012Validator
from loaded import load_rules
from project import ROOT

from stnet.config.reference import (
    METHODS,
    REFERENCE,
    SCHEMA,
    keys,
    methods,
    reference,
    schema,
)
from stnet.config.settings import TABLES

PAGE = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
KEYS = {key.path for key in keys()}


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


def is_key(name):
    """Whether a dotted name is a key, or a mapping of keys; `*` stands for ids."""
    return any(key == name or key.startswith(f"{name}.") for key in KEYS)


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
    in_text = re.findall(rf"`((?:{'|'.join([*TABLES, 'hosts'])})\.[\w.*]+)`", PAGE)
    named = {*column("Configuration"), *column("Key"), *in_text}
    assert len(named) > 50
    assert sorted(name for name in named if not is_key(name)) == []


def test_what_is_generated_from_the_models_is_up_to_date():
    """If not: make reference."""
    made = {SCHEMA: schema(), REFERENCE: reference(), METHODS: methods(PAGE)}
    assert [path for path, text in made.items() if (ROOT / path).read_text("utf-8") != text] == []


def test_every_key_is_described():
    sources = "paper|released code|ours"
    assert [key.path for key in keys() if not key.description.endswith(".")] == []
    assert [key.path for key in keys() if not re.match(sources, key.source)] == []


def test_the_schema_takes_the_shipped_configurations_and_refuses_mistakes():
    validator = Draft202012Validator(json.loads(schema()))
    Draft202012Validator.check_schema(validator.schema)
    for name in ("config.yaml", "demo.yaml", "her2st.yaml", "encoders.yaml"):
        assert validator.is_valid(yaml.safe_load((ROOT / "config" / name).read_text()))
    for mistake in (
        {"devise": "cpu"},
        {"device": "gpu"},
        {"experiments": {"a": {"kind": "network", "learning_rat": 1}}},
        {"experiments": {"a": {"kind": "network", "learning_rate": 0}}},
        {"experiments": {"a_b": {"kind": "network"}}},
        {"cohorts": {"a": {"report": {"studies": {"b": {"experiments": ["c"]}}}}}},
    ):
        assert not validator.is_valid(mistake), mistake


def test_unknown_keys_are_recognised():
    wrong = ["experiments.*.los", "cohorts.*.report.genes", "targets.*.factor", "features.*.radius"]
    assert [name for name in [*wrong, "nothing", "*"] if is_key(name)] == []


def test_an_unknown_function_is_recognised():
    assert "choose_gene" not in names_in("src/stnet/expression/targets.py")
