"""HER2ST (Andersson et al. 2021, Zenodo 4751624): counts by gene symbol, labels off the grid."""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.text_tables import ARRAY, numbers, read_columns, read_counts, read_positions

# In grid units. Spots are one unit apart, so at most one spot is nearer than half a unit.
LABEL_REACH = 0.5


def read(row: dict[str, str]) -> DistributedSection:
    """Read a section: `ST-cnts/*.tsv.gz`, `*_selection.tsv`, `*_labeled_coordinates.tsv`.

    `row` is the section's row of the sheet. Raises InputError as the readers of
    `stnet.cohorts.text_tables`.
    """
    positions = read_positions(row["spots"])
    annotations, remark, unplaced = {}, "", 0
    if row["labels"]:
        annotations, remark, unplaced = match_annotations(row["labels"], positions)
    counts = read_counts(row["counts"])
    return DistributedSection(positions, counts, annotations, remark, unplaced)


def match_annotations(path: str, positions: pd.DataFrame) -> tuple[dict[str, str], str, int]:
    """The pathologist's annotation by spot name, a remark for the log, and the rows at no spot.

    Each row has non-integer x, y and is assigned to the nearest spot of `positions` if that is less
    than half a grid unit away. If two rows are assigned to one spot, the nearer one is used, and of
    equally near ones the first (ours). Empty annotations are ignored. Raises InputError as
    `numbers` and `read_columns`.
    """
    table = read_columns(path, "\t", ["x", "y", "label"])
    places = np.column_stack([numbers(path, table, "x"), numbers(path, table, "y")])
    distances, nearest = cKDTree(positions[ARRAY]).query(places)
    order = np.argsort(distances, kind="stable")
    annotations: dict[str, str] = {}
    distant = second = 0
    for row in order:
        spot, word = positions.index[nearest[row]], table["label"].iloc[row]
        if distances[row] >= LABEL_REACH:
            distant += 1
        elif spot in annotations:
            second += 1
        elif word:
            annotations[spot] = word
    reached = distances[distances < LABEL_REACH]
    remark = (
        f"{len(annotations)} of {len(table)} label rows matched to their nearest spot, at most"
        f" {reached.max(initial=0):.2f} grid units away; {distant} rows have no spot within"
        f" {LABEL_REACH}, {second} rows lost to a nearer row"
    )
    return annotations, remark, distant
