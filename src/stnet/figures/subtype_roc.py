"""ROC curves of the classification of histological subtypes, by set of features."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stnet.core.printed import decimals
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

LEGEND = 55  # characters in a line of the legend
# Name, colour and line of each set of features; lines differ for print in black and white.
FEATURES = {
    "pseudobulk": ("pseudo-bulk, significant genes", BLUE, "-"),
    "pseudobulk_split_first": ("pseudo-bulk, genes of the training patients", VERMILLION, ":"),
    "bulk": ("bulk RNA-seq", GREEN, "--"),
    "image": ("image features", ORANGE, "-."),
}


def draw(
    scores: str | Path, subtype: str | Path, figures: Iterable[str | Path], *, positive: str
) -> None:
    """Draw the ROC curves from the scores of the test patients and the table of AUROC.

    `positive` is the class that high scores stand for.
    """
    save(curves(read_table(scores), read_table(subtype), positive), figures)


@styled
def curves(scores: pd.DataFrame, subtype: pd.DataFrame, positive: str) -> Figure:
    """One curve per set of features, with its AUROC in the legend.

    `scores` has the columns `features`, `patient`, `class` and `score`; `subtype` has `features`,
    `auroc`, `ci_low`, `ci_high` and `note`. If an AUROC is missing there is no curve; the legend
    has the note instead. `positive` is the class that high scores stand for.
    """
    figure = new_figure(COLUMN_MM, 104)
    axis = figure.add_subplot(aspect="equal")
    axis.set_title(f"{scores['patient'].nunique()} test patients")
    axis.axline((0, 0), slope=1, color=GREY, linestyle="--", linewidth=0.8)
    for row in subtype.set_index("features").reindex([*FEATURES]).dropna(how="all").itertuples():
        name, colour, style = FEATURES[row.Index]
        if np.isnan(row.auroc):
            axis.plot([], [], " ", label=fill(f"{name}: {row.note}", LEGEND))
            continue
        of_set = scores[scores["features"] == row.Index]
        found = (of_set["class"] == positive).to_numpy()
        values = of_set["score"].to_numpy()
        points = roc(values[found], values[~found])
        label = fill(f"{name}: {auroc_text(row.auroc, row.ci_low, row.ci_high)}", LEGEND)
        axis.plot(*points, color=colour, linestyle=style, label=label)
    axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axis.set_xlabel("False positive rate")
    axis.set_ylabel(f"True positive rate ({positive})")
    axis.plot([], color=GREY, linestyle="--", linewidth=0.8, label="chance: 0.50")
    figure.legend(loc="outside lower center")
    return figure


def auroc_text(auroc: float, low: float, high: float) -> str:
    """An AUROC with its interval; in words if no resample of the patients gives another value."""
    if np.isnan(low):
        return "" if np.isnan(auroc) else decimals(auroc)
    interval = f"{decimals(low)} to {decimals(high)}"
    return f"{decimals(auroc)} ({interval if low < high else 'all told apart, no interval'})"


def roc(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every threshold, from the scores of the two classes."""
    thresholds = np.unique([*positive, *negative, np.inf])[::-1, None]
    return (negative >= thresholds).mean(axis=1), (positive >= thresholds).mean(axis=1)
