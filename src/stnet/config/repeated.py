"""Keys that a configuration file has twice; parsers silently take the last one."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from stnet.config.faults import fault, join
from stnet.core.errors import InputError


def check_repeated_keys(paths: Iterable[str | Path]) -> None:
    """Raise InputError naming the first key that is twice in a mapping of one of these files.

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
        # A mapping may take the keys of several others.
        name = (key.tag, key.value)
        if name in lines and key.value != "<<":
            both = f"on lines {lines[name]} and {line} of {path}"
            raise fault(join(here), f"there twice, {both}; remove one")
        lines[name] = line
        _check(value, path, here, inside)
