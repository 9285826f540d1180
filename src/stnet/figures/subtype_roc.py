"""How well features of patients tell histological subtypes apart: a ROC curve each."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stnet.core.tables import read_table
from stnet.figures.style import (
    BLUE,
    COLUMN_MM,
    GREEN,
    GREY,
    ORANGE,
    VERMILLION,
    new_figure,
    save,
    styled,
)

# Letters in a line of the legend.
LEGEND = 55
# Names, colours and lines of the sets of features; in print the lines tell them apart too.
FEATURES = {
    "pseudobulk": ("pseudo-bulk, significant genes", BLUE, "-"),
    "pseudobulk_split_first": ("pseudo-bulk, split first", VERMILLION, ":"),
    "bulk": ("bulk RNA-seq", GREEN, "--"),
    "image": ("image features", ORANGE, "-."),
}


def draw(
    scores: str | Path, subtype: str | Path, figures: Iterable[str | Path], *, positive: str
) -> None:
    """Draw the test patients' scores, and the table of AUROC, into files.

    `positive` is the class that high scores mean.
    """
    save(curves(read_table(scores), read_table(subtype), positive), figures)


@styled
def curves(scores: pd.DataFrame, subtype: pd.DataFrame, positive: str) -> Figure:
    """Curves of `scores` (`features patient class score`), with the AUROC of `subtype`.

    `subtype` has `auroc ci_low ci_high note` by `features`; where the AUROC is missing there is no
    curve, and the legend has the note.
    """
    figure = new_figure(COLUMN_MM, 100)
    axis = figure.add_subplot(aspect="equal")
    axis.axline((0, 0), slope=1, color=GREY, linestyle="--", linewidth=0.8)
    for row in subtype.set_index("features").reindex([*FEATURES]).dropna(how="all").itertuples():
        name, colour, style = FEATURES[row.Index]
        if np.isnan(row.auroc):
            axis.plot([], [], " ", label=fill(f"{name}: {row.note}", LEGEND))
            continue
        interval = "" if np.isnan(row.ci_low) else f" ({row.ci_low:.2f}–{row.ci_high:.2f})"
        of_set = scores[scores["features"] == row.Index]
        found = (of_set["class"] == positive).to_numpy()
        values = of_set["score"].to_numpy()
        points = roc(values[found], values[~found])
        label = fill(f"{name}: {row.auroc:.2f}{interval}", LEGEND)
        axis.plot(*points, color=colour, linestyle=style, label=label)
    axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axis.set_xlabel("False positive rate")
    axis.set_ylabel(f"True positive rate ({positive})")
    figure.legend(loc="outside lower center")
    return figure


def roc(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every threshold, from the scores of two classes."""
    thresholds = np.unique([*positive, *negative, np.inf])[::-1, None]
    return (negative >= thresholds).mean(axis=1), (positive >= thresholds).mean(axis=1)
