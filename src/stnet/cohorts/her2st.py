"""HER2ST (Andersson et al. 2021, Zenodo 4751624): counts of gene symbols, labels off the grid."""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.text_tables import numbers, read_columns, read_counts, read_positions

# In grid units. Spots lie a unit apart, so that nothing nearer than half of one lies between two.
LABEL_REACH = 0.5


def read(row: dict[str, str]) -> DistributedSection:
    """Read a section: `ST-cnts/*.tsv.gz`, `*_selection.tsv`, `*_labeled_coordinates.tsv`.

    `row` is the section's row of the sheet. Raises InputError as the readers of
    `stnet.cohorts.text_tables`.
    """
    positions = read_positions(row["spots"])
    annotations, remark = match_annotations(row["labels"], positions) if row["labels"] else ({}, "")
    return DistributedSection(positions, read_counts(row["counts"]), annotations, remark)


def match_annotations(path: str, positions: pd.DataFrame) -> tuple[dict[str, str], str]:
    """The pathologist's word by spot name, and a remark for the log.

    Each row's non-integer x, y goes to the nearest spot of `positions`, if that is less than half
    a grid unit away (which leaves no ties between spots); of two rows on one spot the nearer
    holds, of two as near the earlier (ours). Empty words are no labels. Raises InputError as
    `numbers` and `read_columns`.
    """
    table = read_columns(path, "\t", ["x", "y", "label"])
    places = np.column_stack([numbers(path, table, "x"), numbers(path, table, "y")])
    distances, nearest = cKDTree(positions[["array_col", "array_row"]]).query(places)
    order = np.argsort(distances, kind="stable")
    annotations: dict[str, str] = {}
    far = second = 0
    for row in order:
        spot, word = positions.index[nearest[row]], table["label"].iloc[row]
        if distances[row] >= LABEL_REACH:
            far += 1
        elif spot in annotations:
            second += 1
        elif word:
            annotations[spot] = word
    reached = distances[distances < LABEL_REACH]
    remark = (
        f"{len(annotations)} of {len(table)} label rows matched to their nearest spot, at most"
        f" {reached.max(initial=0):.2f} grid units away; {far} had no spot within {LABEL_REACH},"
        f" {second} a nearer rival"
    )
    return annotations, remark
