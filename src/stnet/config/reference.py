"""Generate the JSON schema and documentation pages from the configuration models.

Run `python -m stnet.config.reference` in the root of the repository.
"""

import json
import re
import types
import typing
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

from stnet.config.base import LARGEST, Keys, Row
from stnet.config.names import ID
from stnet.config.settings import TABLES, Settings

SCHEMA = "workflow/schemas/config.schema.json"
REFERENCE = "docs/reference/configuration.md"
METHODS = "docs/methods.md"
BEGIN = "<!-- Generated from src/stnet/config by make reference. -->"
END = "<!-- End of what is generated. -->"
HEADINGS = "| Key | Type | Default | Unit | Source | Description |\n|---|---|---|---|---|---|\n"
METHODS_HEADINGS = "| Key | Default | Source | What it decides |\n|---|---|---|---|\n"


class Key(NamedTuple):
    """A key: its dotted path with `*` for ids, its type and default, and its description."""

    path: str
    type: str
    default: str
    unit: str
    source: str
    description: str

    def cells(self, *names: str) -> str:
        """A table row with the path and the named fields."""
        return f"| `{self.path}` | {' | '.join(getattr(self, name) for name in names)} |\n"


def keys() -> list[Key]:
    """Every key of the configuration. A key that several kinds of row share is repeated."""
    return [key for _, _, found in sections() for key in found]


def sections() -> Iterator[tuple[str, str, list[Key]]]:
    """Heading, text and keys of each section: the global keys, then every table and its kinds."""
    top = [key for key in _keys(Settings, "") if key.path.split(".")[0] not in TABLES]
    yield "Global keys", _text(Settings), top
    for table, model in TABLES.items():
        shared = list(_keys(model, f"{table}.*."))
        yield f"`{table}`", _text(model), shared
        for kind in model.kinds().values():
            own = [key for key in _keys(kind, f"{table}.*.") if key not in shared]
            yield f"`{table}`: {_text(kind).rstrip('.')}", "", own


def schema() -> str:
    """The JSON schema of a configuration file. No key is required, as files can be combined."""
    whole = Settings.model_json_schema()
    for table, model in TABLES.items():
        kinds = model.kinds().values()
        for kind in kinds:
            row = kind.model_json_schema()
            row["properties"]["inherit"] = {
                "type": "string",
                "description": "Row that the other keys are taken from.",
            }
            whole["$defs"] |= row.pop("$defs", {}) | {kind.__name__: row}
        refs = [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds]
        rows = whole["properties"][table]
        rows |= {"patternProperties": {f"^{ID}$": {"anyOf": refs}}, "additionalProperties": False}
    whole = _partial(whole)
    # One line per model and key.
    parts = {name: _lines(whole.pop(name)) for name in ("$defs", "properties")}
    rest = {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}
    return _lines(rest)[:-2] + "".join(f',\n"{n}": {part}' for n, part in parts.items()) + "\n}\n"


def _lines(mapping: dict[str, Any]) -> str:
    lines = (f'"{k}": {json.dumps(v, ensure_ascii=False)}' for k, v in sorted(mapping.items()))
    return "{\n" + ",\n".join(lines) + "\n}"


def reference() -> str:
    """The reference page."""
    page = [
        f"{BEGIN}\n\n# Configuration\n\n",
        "`*` stands for the id of a row. A key without a default is required. With `inherit: ROW`,"
        "\na row takes the keys it does not set from another row of the same table.\n",
    ]
    for heading, text, found in sections():
        page.append(f"\n## {heading}\n" + (f"\n{text}\n" if text else ""))
        if found:
            rows = [key.cells(*Key._fields[1:]) for key in found]
            page.append(f"\n{HEADINGS}{''.join(rows)}")
    return "".join(page)


def methods(page: str) -> str:
    """The methods page with its table of keys whose defaults come from the paper or its code."""
    rows = [
        key.cells("default", "source", "description")
        for key in dict.fromkeys(keys())
        if re.search("paper|released code", key.source) and not key.path.startswith("predict.")
    ]
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{METHODS_HEADINGS}{''.join(rows)}\n{END}{after}"


def write(root: Path) -> None:
    """Write the schema and both pages below `root`."""
    (root / SCHEMA).write_text(schema(), encoding="utf-8")
    (root / REFERENCE).write_text(reference(), encoding="utf-8")
    page = root / METHODS
    page.write_text(methods(page.read_text(encoding="utf-8")), encoding="utf-8")


def _keys(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    described = model.model_json_schema()
    for name, field in model.model_fields.items():
        inside = _inside(field.annotation)
        if inside is not None and not (isinstance(inside, type) and issubclass(inside, Row)):
            step = {dict: ".*.", list: ".*."}.get(_container(field.annotation), ".")
            yield from _keys(inside, f"{prefix}{name}{step}")
            if type(None) not in typing.get_args(field.annotation):
                continue
        unit, source, description = _parts(field.description or "")
        default = "" if field.is_required() else f"`{_yaml(field.default)}`"
        type_ = "mapping" if inside else _type(described["properties"].get(name, {}), described)
        yield Key(f"{prefix}{name}", type_, default, unit, source, description)


def _inside(annotation: Any) -> type[Keys] | None:
    """The model of a key's value, or of the items if the value is a list or mapping of models."""
    if isinstance(annotation, type) and issubclass(annotation, Keys):
        return annotation
    inner = (_inside(each) for each in typing.get_args(annotation))
    return next(filter(None, inner), None)


def _container(annotation: Any) -> type | None:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        found = (_container(each) for each in typing.get_args(annotation))
        return next(filter(None, found), None)
    return origin if origin in (dict, list) else None


def _parts(text: str) -> tuple[str, str, str]:
    """Unit, source and description from a key's docstring."""
    text = " ".join(text.split())
    text, _, source = text.partition(" Source: ")
    text, _, unit = text.partition(" Unit: ")
    return unit.removesuffix("."), source.removesuffix(".") or "ours", text.replace("|", "\\|")


def _type(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """The type of a key in words."""
    if "anyOf" in schema:
        return " or ".join(_type(each, whole) for each in schema["anyOf"])
    for key in ("const", "enum"):
        if key in schema:
            values = schema[key] if key == "enum" else [schema[key]]
            return ", ".join(f"`{_yaml(value)}`" for value in values)
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [
        f"{sign} {schema[key]:g}"
        for key, sign in limits.items()
        if schema.get(key, LARGEST) != LARGEST
    ]
    bounds += [f"multiple of {schema['multipleOf']}"] if "multipleOf" in schema else []
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema['items'], whole)}"
        case "object":
            return "mapping"
        case "integer":
            return f"whole number {', '.join(bounds)}".rstrip()
        case "number":
            return f"number {', '.join(bounds)}".rstrip()
        case "boolean":
            return "`true`, `false`"
        case "null":
            return "`null`"
        case "string":
            return f"text like `{schema['pattern']}`" if "pattern" in schema else "text"
    return "anything"


def _yaml(value: Any) -> str:
    plain = TypeAdapter(Any).dump_python(value)
    if isinstance(value, str):
        return value
    # YAML 1.1 reads 1e-06 as text.
    return re.sub(r"\b(\d+)e-0?(\d)", r"\1.0e-\2", json.dumps(plain, ensure_ascii=False))


def _text(model: type[BaseModel]) -> str:
    return cleandoc(model.__doc__ or "").split("\n\n")[0]


def _partial(schema: Any) -> Any:
    """The schema without required keys, and without titles that only repeat names."""
    if isinstance(schema, dict):
        return {
            key: _partial(value)
            for key, value in schema.items()
            if not (key == "required" or (key == "title" and isinstance(value, str)))
        }
    return [_partial(each) for each in schema] if isinstance(schema, list) else schema


if __name__ == "__main__":
    write(Path())
