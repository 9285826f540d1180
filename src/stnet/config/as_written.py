"""What parsers of a configuration file change in silence.

They take the last of a key's values, and YAML 1.1 reads 010 as 8, 1:30 as 90 and 1_0 as 10.
"""

import json
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from stnet.config.faults import fault, join
from stnet.core.errors import InputError

NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# Octal, hexadecimal, binary, to the base of 60, or with underscores.
OTHERWISE = re.compile(r"[-+]?0[0-9xb]|.*[:_]")


def check_as_written(paths: Iterable[str | Path]) -> None:
    """Raise InputError naming the first key that is twice in a mapping of one of these files.

    Likewise the first number that is not written in decimals.

    The files are JSON or YAML that Snakemake has already read.
    """
    for path in paths:
        text = Path(path).read_text(encoding="utf-8")
        try:
            json.loads(text, object_pairs_hook=partial(_once, path))
        except ValueError:
            _check(yaml.compose(text, yaml.SafeLoader), path, (), ())


def _once(path: str | Path, pairs: list[tuple[str, Any]]) -> None:
    found = set()
    for key, _ in pairs:
        if key in found:
            raise fault(key, f"there twice in the same mapping of {path}; remove one")
        found.add(key)


def _check(
    node: yaml.Node | None, path: str | Path, keys: tuple[str, ...], inside: tuple[yaml.Node, ...]
) -> None:
    if node in inside:
        raise fault(join(keys), f"contains itself in {path}; write it without the alias")
    inside = (*inside, node)
    _check_number(node, path, keys)
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            _check(each, path, (*keys, f"[{number}]"), inside)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{path} line {key.start_mark.line + 1}: a key that is not text")
        here, line = (*keys, key.value), key.start_mark.line + 1
        _check_number(key, path, here)
        # A mapping may take the keys of several others.
        name = (key.tag, key.value)
        if name in lines and key.value != "<<":
            both = f"on lines {lines[name]} and {line} of {path}"
            raise fault(join(here), f"there twice, {both}; remove one")
        lines[name] = line
        _check(value, path, here, inside)


def _check_number(node: yaml.Node | None, path: str | Path, keys: tuple[str, ...]) -> None:
    if isinstance(node, yaml.ScalarNode) and node.tag in NUMBERS and OTHERWISE.match(node.value):
        value = yaml.safe_load(node.value)
        raise fault(
            join(keys),
            f"YAML reads {node.value} as {value}, on line {node.start_mark.line + 1} of {path};"
            " write it in decimals, or an id in quotes",
        )
