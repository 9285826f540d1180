"""Base classes and types of the configuration models: immutable, strict, known keys only."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WrapValidator, model_validator

from stnet.core.suggest import suggest


class KeyFault(ValueError):
    """An invalid key of a mapping."""

    def __init__(self, key: str, fault: str):
        super().__init__(fault)
        self.key = key


class Keys(BaseModel):
    """Keys of one mapping of the configuration.

    The docstring below a key describes it. It may end with the unit (`Unit: px.`) and the source of
    the default (`Source: paper.`, `released code` or `ours`; without one it is ours).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _know_all(cls, keys: Any) -> Any:
        if isinstance(keys, dict):
            for key in keys:
                if key not in cls.model_fields:
                    raise KeyFault(str(key), f"unknown key{suggest_one(key, cls.model_fields)}")
        return keys


def _check_title(title: str) -> str:
    # Figures leave out keys that begin with _; LaTeX takes [ as an argument; braces are filled in;
    # captions are reStructuredText, in which the rest would be markup or a link.
    is_plain = re.fullmatch(r"(?![_\[])[^{}`*|\\\x00-\x1f\x7f-\x9f]+", title)
    fits = is_plain and title.strip().splitlines() == [title]
    if not fits or re.search(r"_(?![A-Za-z0-9])|[A-Za-z]:\S", title):
        raise ValueError(
            f"{title!r} should be a line of text without braces, `, *, |, \\ and control characters"
            " that does not begin with [ or _; write a space after a colon, and a letter or digit"
            " after _"
        )
    return title


class Row(Keys):
    """A row of a table. Each kind of row has its own subclass of the table's model."""

    by: ClassVar[str] = "kind"

    title: Annotated[str, AfterValidator(_check_title)] | None = None
    """Name in figures and pages, which is not inherited; null takes the row's id."""

    @classmethod
    def kinds(cls) -> dict[str | None, type[Self]]:
        """Models of the kinds by name, in order of definition."""
        if cls.__subclasses__():
            return {k: m for each in cls.__subclasses__() for k, m in each.kinds().items()}
        return {cls.model_fields[cls.by].default: cls}

    @classmethod
    def kind_of(cls, row: dict[str, Any]) -> str | None:
        """The kind that a row states."""
        return row.get(cls.by)


def suggest_one(name: str, known) -> str:
    """End of a message about an unknown name: the closest known name, or all known names."""
    return suggest(str(name), known, most=1) or f"; known are {', '.join(known) or 'none'}"


def no_row(table: str, name: str, rows) -> str:
    """Message about a name that no row of a table has."""
    # Those who name an encoder that is not there mean one of pathology.
    here = table != "features" or "uni" in rows
    further = (
        ""
        if here
        else (
            "; encoders of pathology are in config/encoders.yaml: write --configfile"
            " config/encoders.yaml OWN.yaml"
        )
    )
    return f"no {name!r} in {table}{suggest_one(name, rows)}{further}"


def split_view(view: str) -> tuple[int, int]:
    """Source window in pixels and downsampling of a view: `448x2` is (448, 2).

    Raises ValueError if the downsampling does not divide the window.
    """
    window, downsampling = map(int, view.split("x"))
    if not window or not downsampling or window % downsampling:
        raise ValueError(
            f"view {view}: the window must be a multiple of the downsampling, as in 448x2"
        )
    return window, downsampling


def _as_written(value: Any, check: Any) -> Any:
    # Keep 60 an integer: files and rule parameters contain the value as the user wrote it.
    check(value)
    return value


def _check_view(view: str) -> str:
    split_view(view)
    return view


def _each_once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError(f"{names} has a name twice; write each once")
    return names


EACH_ONCE = AfterValidator(_each_once), Field(json_schema_extra={"uniqueItems": True})
AS_WRITTEN = WrapValidator(_as_written)
Number = Annotated[float, AS_WRITTEN]
Positive = Annotated[float, Field(gt=0), AS_WRITTEN]
NotNegative = Annotated[float, Field(ge=0), AS_WRITTEN]
Share = Annotated[float, Field(ge=0, le=1), AS_WRITTEN]
BetweenZeroAndOne = Annotated[float, Field(gt=0, lt=1), AS_WRITTEN]
# Whole numbers are at most what NumPy and torch hold.
LARGEST = 2**31 - 1
AtLeastOne = Annotated[int, Field(ge=1, le=LARGEST)]
AtLeastTwo = Annotated[int, Field(ge=2, le=LARGEST)]
Seed = Annotated[int, Field(ge=0, le=LARGEST)]
# One view has one name: no leading zeros.
View = Annotated[
    str, Field(pattern=r"^[1-9][0-9]{0,4}x(0|[1-9][0-9]{0,4})$"), AfterValidator(_check_view)
]
Split = Literal["patient", "section"] | AtLeastTwo
Triple = Annotated[list[Number], Field(min_length=3, max_length=3)]
Names = Annotated[list[str], Field(min_length=1)]
