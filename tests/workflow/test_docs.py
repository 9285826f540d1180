"""The page of methods names functions, rules and configuration keys that exist."""

import ast
import json
import re
from functools import cache

import pytest
import yaml
from jsonschema import Draft202012Validator
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
RULES = {
    rule
    for path in (ROOT / "workflow/rules").glob("*.smk")
    for rule in re.findall(r"^ *(?:rule|use rule \w+ as) (\w+)(?: with)?:", path.read_text(), re.M)
}


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
                *re.findall(rf"`((?:{'|'.join([*TABLES, 'hosts'])})\.[\w.*]+)`", PAGE),
            ]
        )
    ),
)
def test_configuration_key_exists(key):
    assert is_key(key)


def test_what_is_generated_from_the_models_is_up_to_date():
    """If not: make docs."""
    made = {SCHEMA: schema(), REFERENCE: reference(), METHODS: methods(PAGE)}
    assert [path for path, text in made.items() if (ROOT / path).read_text("utf-8") != text] == []


def test_every_key_is_described():
    sources = "paper|released code|ours"
    assert [key.path for key in keys() if not key.description.endswith(".")] == []
    assert [key.path for key in keys() if not re.match(sources, key.source)] == []


def test_the_schema_takes_the_shipped_configurations_and_refuses_mistakes():
    validator = Draft202012Validator(json.loads(schema()))
    Draft202012Validator.check_schema(validator.schema)
    for name in ("config.yaml", "demo.yaml", "her2st.yaml"):
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


@pytest.mark.parametrize(
    "key",
    [
        *["experiments.*.los", "cohorts.*.report.genes", "targets.*.factor", "features.*.radius"],
        *["nothing", "*"],
    ],
)
def test_an_unknown_key_is_recognised(key):
    assert not is_key(key)


def test_an_unknown_function_is_recognised():
    assert "choose_gene" not in names_in("src/stnet/expression/targets.py")
