"""Faults of a configuration as one line with the key and the remedy."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from stnet.config.base import KeyFault
from stnet.core.errors import InputError
from stnet.core.suggest import suggest


def fault(key: str, what: str) -> InputError:
    """An error about the key with this dotted path."""
    return InputError(f"configuration: {key}: {what}")


def first_fault(error: ValidationError, data: Any, where: str) -> InputError:
    """The first fault of `data`, a mapping at the dotted path `where`."""
    found = [(_path(each, data), each) for each in error.errors()]
    first = found[0][0]
    # If a key allows several types, the best match is the one that fails deepest.
    path = max((path for path, _ in found if path[: len(first)] == first), key=len)
    key = ".".join(filter(None, [where, *path]))
    return fault(key, _what([each for at, each in found if at == path]))


def _path(error: dict[str, Any], data: Any) -> tuple[str, ...]:
    """Keys from `data` down to the fault, without the names that pydantic gives to alternatives."""
    path = []
    for part in error["loc"]:
        if isinstance(data, dict | list) and (isinstance(part, int) or part in data):
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
    should = [re.sub(r"^.*? should ", "", error["msg"]) for error in errors]
    message = f"{value!r} should {' or '.join(dict.fromkeys(should))}".replace("\n", " ")
    if isinstance(value, str):
        if errors[0]["type"] in ("float_type", "int_type"):
            return f"{message}; write it without quotes, a power of ten as 1.0e-6"
        return message + suggest(value, _expected(errors), most=1)
    return message


def _expected(errors: Iterable[dict[str, Any]]) -> list[str]:
    """Allowed words."""
    return [
        word
        for error in errors
        for word in re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    ]
