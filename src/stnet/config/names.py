"""Ids of rows, and keys that name a row of another table."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from stnet.config.base import no_row
from stnet.config.section_sheet import GROUP_ID, LONGEST_ID

ID = "[A-Za-z0-9][A-Za-z0-9.-]*"
# Our own folders in results/ and resources/, where cohorts and external sources have theirs.
RESERVED = ["predict", "logs", "benchmarks", "record", "claims", "paper", "genes", "weights"]
# Values of `weights` that are not paths.
IMAGENET, RANDOM = "imagenet", "random"


def check_id(name: str) -> str:
    """Return `name`; raise ValueError if it is not an id."""
    if not re.fullmatch(ID, name):
        raise ValueError("not an id of letters, digits, '.' and '-'; rename it")
    if len(name) > LONGEST_ID:
        raise ValueError(
            f"longer than {LONGEST_ID} characters, too long for file names; shorten it"
        )
    return name


def _check_folder_id(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{', '.join(RESERVED)} are folders of the workflow; rename it")
    return check_id(name)


def digits_as_text(value: Any) -> Any:
    """Return an id of digits, which YAML reads as a number, as text; anything else as it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _row_of(table: str) -> AfterValidator:
    # The context of validation has the names of all rows. A job that builds a model has no context.
    def check(name: str, info: ValidationInfo) -> str:
        if info.context is not None and name not in info.context[table]:
            raise ValueError(no_row(table, name, info.context[table]))
        return name

    return AfterValidator(check)


ID_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{ID}$", "maxLength": LONGEST_ID})
Id = Annotated[str, AfterValidator(check_id), ID_SCHEMA]
FolderId = Annotated[str, AfterValidator(_check_folder_id), ID_SCHEMA]
ModelId = Annotated[str, Field(pattern=f"^{GROUP_ID}$", max_length=LONGEST_ID)]
# A part of file names.
Architecture = Annotated[str, Field(pattern=f"^{GROUP_ID}$", max_length=LONGEST_ID)]
RowId = Annotated[str, BeforeValidator(digits_as_text)]
CohortName = Annotated[RowId, _row_of("cohorts")]
TargetsName = Annotated[RowId, _row_of("targets")]
FeaturesName = Annotated[RowId, _row_of("features")]
ExperimentName = Annotated[RowId, _row_of("experiments")]
SourceName = Annotated[RowId, _row_of("external")]
