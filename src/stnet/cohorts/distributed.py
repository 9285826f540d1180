"""What every distribution format is read into, before spots are matched and dropped."""

from dataclasses import dataclass

import pandas as pd

from stnet.cohorts.text_tables import CountTable


@dataclass(frozen=True)
class DistributedSection:
    """A section's files as read.

    `positions`: as `stnet.cohorts.text_tables.position_table`, pixels as distributed (unscaled).
    `counts`: rows are any spots of the array, with or without a position.
    `annotations`: the pathologist's word by spot name; empty where there are none.
    `remark`: what the log should say of the reading, such as how annotations met spots.
    `spot_diameter`: of a spot in pixels as distributed, where the distribution says; else None.
    """

    positions: pd.DataFrame
    counts: CountTable
    annotations: dict[str, str]
    remark: str
    spot_diameter: float | None = None
