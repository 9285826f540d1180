"""A section as read from any format, before spots are matched and dropped."""

from dataclasses import dataclass

import pandas as pd

from stnet.cohorts.text_tables import CountTable


@dataclass(frozen=True)
class DistributedSection:
    """A section's files as read.

    `positions`: a table of `stnet.cohorts.text_tables.position_table`, pixels as distributed.
    `counts`: rows are spots of the array, with or without a position.
    `annotations`: the pathologist's annotation by spot name; empty if there are none.
    `remark`: a message for the log, such as how annotations were matched to spots.
    `spot_diameter`: diameter of a spot in pixels as distributed, or None if not given.
    """

    positions: pd.DataFrame
    counts: CountTable
    annotations: dict[str, str]
    remark: str
    spot_diameter: float | None = None
