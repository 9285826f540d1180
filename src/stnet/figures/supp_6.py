"""Supp. Fig. 6: number of nuclei in patches of tumour and of normal tissue."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stnet.core.printed import decimals
from stnet.core.tables import read_table
from stnet.figures.style import (
    BLACK,
    BLUE,
    GREY,
    LABEL_COLOURS,
    LIGHT_GREY,
    PAGE_MM,
    leave_empty,
    new_figure,
    save,
    styled,
    whole_numbers,
)

BINS = 40  # at most; each bin spans the same number of whole numbers
PATIENT_MM = 3
WORDS = 130  # characters in a line below the figure


def draw(
    distribution: str | Path,
    patients: str | Path,
    summary: str | Path,
    figures: Iterable[str | Path],
) -> None:
    """Draw Supp. Fig. 6 from the tables of `stnet.analysis.nuclei_counts`."""
    save(nuclei_counts(*map(read_table, (distribution, patients, summary))), figures)


@styled
def nuclei_counts(
    distribution: pd.DataFrame, patients: pd.DataFrame, summary: pd.DataFrame
) -> Figure:
    """Three panels: distribution over spots by class, medians by patient, AUROC by patient.

    Patients without both classes are named below.
    The tables are those of `stnet.analysis.nuclei_counts`. `distribution` has the number of `spots`
    by `label` and `nuclei`.
    """
    both = patients.dropna(subset="auroc").sort_values("auroc", kind="stable")
    figure = new_figure(PAGE_MM, max(76, 36 + PATIENT_MM * len(both)))
    panels = figure.subplots(1, 3, gridspec_kw={"width_ratios": [5, 3, 3]})
    if distribution.empty:
        for axis, text in zip(panels, ("", "no spot has a label", ""), strict=True):
            leave_empty(axis, text)
        return figure
    _draw_distribution(panels[0], distribution)
    _draw_medians(panels[1], both)
    _draw_auroc(panels[2], both, summary.iloc[0])
    dropped = patients.loc[patients["auroc"].isna(), "patient"]
    if len(dropped):
        words = f"Not in the middle and right, as all spots are of one class: {', '.join(dropped)}"
        figure.supxlabel(fill(words, WORDS), fontsize=7)
    return figure


def _draw_distribution(axis: Axes, distribution: pd.DataFrame) -> None:
    low, high = distribution["nuclei"].min(), distribution["nuclei"].max()
    width = max(1, int(np.ceil((high - low + 1) / BINS)))
    edges = np.arange(low, high + width + 1, width) - 0.5
    for label, colour in LABEL_COLOURS.items():
        of_label = distribution[distribution["label"] == label]
        shares = of_label["spots"] / of_label["spots"].sum()
        axis.stairs(
            np.histogram(of_label["nuclei"], edges, weights=shares)[0],
            edges,
            fill=True,
            facecolor=(colour, 0.5),
            edgecolor=colour,
            linewidth=1.2,
            label=f"{label} ({of_label['spots'].sum():,} spots)",
        )
    axis.set_xlabel("Nuclei per patch")
    axis.set_ylabel("Share of the patches of the class")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def _draw_medians(axis: Axes, patients: pd.DataFrame) -> None:
    axis.set_title("Medians by patient")
    if patients.empty:
        leave_empty(axis, "no patient has both classes")
        return
    ends = patients[["median_normal", "median_tumour"]].to_numpy().T
    axis.plot(ends, color=GREY, alpha=0.6, linewidth=0.8)
    for place, label in enumerate(("normal", "tumour")):
        axis.scatter([place] * len(patients), ends[place], s=10, color=LABEL_COLOURS[label])
    axis.set_xticks([0, 1], ["Normal", "Tumour"])
    axis.set_xlim(-0.4, 1.4)
    axis.set_ylabel("Nuclei per patch")
    whole_numbers(axis, "y")


def _draw_auroc(axis: Axes, patients: pd.DataFrame, summary: pd.Series) -> None:
    if patients.empty:
        axis.set_axis_off()
        return
    mean, low, high = summary[["mean_auroc", "mean_auroc_low", "mean_auroc_high"]]
    axis.axvline(0.5, color=GREY, linestyle="--", label="chance 0.50")
    axis.axvline(mean, color=BLACK, label=f"mean {decimals(mean)}")
    if pd.notna(low):
        interval = f"95% interval {decimals(low)} to {decimals(high)}"
        axis.axvspan(low, high, color=LIGHT_GREY, linewidth=0, zorder=0, label=interval)
    axis.scatter(patients["auroc"], range(len(patients)), s=10, color=BLUE)
    axis.set_yticks(range(len(patients)), patients["patient"])
    axis.set_xlim(min(0.45, patients["auroc"].min() - 0.05), 1.02)
    axis.set_xlabel("AUROC, tumour against normal")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1))
