"""Faults of a configuration as one line with the key and the remedy."""

import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from stnet.config.base import KeyFault
from stnet.core.errors import InputError
from stnet.core.suggest import suggest

# Of pydantic's messages, those in the language of Python rather than YAML.
IN_YAML = {"dict_type": "be a mapping", "model_type": "be a mapping", "list_type": "be a list"}


def fault(key: str, what: str) -> InputError:
    """An error about the key with this dotted path, in one line."""
    message = f"configuration: {key}: {what}"
    return InputError("".join(c if c.isprintable() else repr(c)[1:-1] for c in message))


def join(path: Iterable[str]) -> str:
    """The dotted path of keys and of positions like `[0]`."""
    return ".".join(path).replace(".[", "[")


def show(value: Any) -> str:
    """A value as YAML has it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def first_fault(error: ValidationError, data: Any, where: str) -> InputError:
    """The first fault of `data`, a mapping at the dotted path `where`."""
    found = [(_path(each, data), each) for each in error.errors()]
    first = found[0][0]
    # If a key allows several types, the best match is the one that fails deepest.
    path = max((path for path, _ in found if path[: len(first)] == first), key=len)
    key = join(filter(None, [where, *path]))
    return fault(key, _what([each for at, each in found if at == path]))


def _path(error: dict[str, Any], data: Any) -> tuple[str, ...]:
    """Keys from `data` down to the fault, without the names that pydantic gives to alternatives."""
    path = []
    for part in error["loc"]:
        if isinstance(data, list) and isinstance(part, int):
            data = data[part]
            path.append(f"[{part}]")
        elif isinstance(data, dict) and part in data:
            data = data[part]
            path.append(str(part))
    if error["type"] == "missing":
        path.append(str(error["loc"][-1]))
    if isinstance(raised := error.get("ctx", {}).get("error"), KeyFault):
        path.append(raised.key)
    return tuple(path)


def _what(errors: list[dict[str, Any]]) -> str:
    for error in errors:
        if error["type"] == "missing":
            return "missing; add it"
        if error["type"] == "value_error":
            return str(error["ctx"]["error"])
    value = errors[0]["input"]
    should = [
        IN_YAML.get(error["type"]) or re.sub(r"^.*? should | after validation", "", error["msg"])
        for error in errors
    ]
    message = f"{show(value)} should {' or '.join(dict.fromkeys(should))}"
    return message + _remedy(value, {error["type"] for error in errors}, _expected(errors))


def _remedy(value: Any, types: set[str], expected: list[str]) -> str:
    """End of a message about a value of another type: how to write it."""
    if isinstance(value, str):
        number = re.fullmatch(r"[0-9.eE+-]+", value)
        if "list_type" in types and not number:
            return suggest(value, expected, most=1) or f"; write [{value}]"
        if types & {"float_type", "int_type"}:
            return (
                "; write it without quotes, a power of ten as 1.0e-6, and in a file (--configfile):"
                " --config takes numbers within {…} for text"
            )
        if "bool_type" in types:
            return "; write it without quotes"
        return suggest(value, expected, most=1)
    if isinstance(value, bool) and types & {"string_type", "literal_error"}:
        return "; YAML reads no and off as false, yes and on as true, so write text in quotes"
    if value is not None and not isinstance(value, list | dict) and "string_type" in types:
        return "; write it in quotes"
    return ""


def _expected(errors: Iterable[dict[str, Any]]) -> list[str]:
    """Allowed words."""
    return [
        word
        for error in errors
        for word in re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    ]
