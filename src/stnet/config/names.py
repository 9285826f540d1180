"""Ids of rows, and keys that name a row of another table."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema

from stnet.config.base import suggest_one
from stnet.config.section_sheet import GROUP_ID

ID = "[A-Za-z0-9][A-Za-z0-9.-]*"
# Names of our own folders in results/ and resources/, where each cohort has one too.
RESERVED = ["all", "ensemble", "predict", "logs", "paper", "genes", "weights"]


def check_id(name: str) -> str:
    """Return `name`; raise ValueError if it is not an id."""
    if not re.fullmatch(ID, name):
        raise ValueError("not an id of letters, digits, '.' and '-'; rename it")
    return name


def _check_cohort_id(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{', '.join(RESERVED)} are reserved; rename it")
    return check_id(name)


def _row_of(table: str) -> AfterValidator:
    # The context of validation has the names of all rows. A job that builds a model has no context.
    def check(name: str, info: ValidationInfo) -> str:
        if info.context is not None and name not in info.context[table]:
            raise ValueError(f"no {name!r} in {table}{suggest_one(name, info.context[table])}")
        return name

    return AfterValidator(check)


Id = Annotated[
    str, AfterValidator(check_id), WithJsonSchema({"type": "string", "pattern": f"^{ID}$"})
]
CohortId = Annotated[
    str, AfterValidator(_check_cohort_id), WithJsonSchema({"type": "string", "pattern": f"^{ID}$"})
]
ModelId = Annotated[str, Field(pattern=f"^{GROUP_ID}$")]
CohortName = Annotated[str, _row_of("cohorts")]
TargetsName = Annotated[str, _row_of("targets")]
FeaturesName = Annotated[str, _row_of("features")]
ExperimentName = Annotated[str, _row_of("experiments")]
SourceName = Annotated[str, _row_of("external")]
