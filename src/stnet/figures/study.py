"""Supp. Fig. 11 and the other studies: performance of experiments that differ in a few keys."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from stnet.core.tables import read_table
from stnet.evaluation.paired import gene_medians
from stnet.figures.style import BLACK, BLUE, GREY, PAGE_MM, VERMILLION, new_figure, save, styled

ROW_MM = 10
LABEL = 30  # characters in a line of a title
DIFFERENCE = {"color": BLACK, "linewidth": 1.4, "marker": "D", "markersize": 3.5, "mfc": VERMILLION}
ZERO = {"color": GREY, "linestyle": "--", "linewidth": 0.8}
SEED = 0  # of the vertical scatter


def draw(
    study: str | Path,
    gene_performance: Mapping[str, str | Path],
    patient_performance: Mapping[str, str | Path],
    figures: Iterable[str | Path],
    *,
    titles: Mapping[str, str],
) -> None:
    """Draw a study from its table and from the performance tables, by experiment.

    `titles` has what the figure calls each experiment.
    """
    genes, patients = (
        {name: read_table(path) for name, path in paths.items()}
        for paths in (gene_performance, patient_performance)
    )
    save(experiments(read_table(study), genes, patients, titles), figures)


@styled
def experiments(
    study: pd.DataFrame,
    genes: Mapping[str, pd.DataFrame],
    patients: Mapping[str, pd.DataFrame],
    titles: Mapping[str, str],
) -> Figure:
    """One row per experiment of a study.

    Left: distribution over genes of the median r over patients. Right: each gene's difference to
    the reference over the patients of both, and the difference of the medians over genes with its
    interval. `study` is the table of `stnet.analysis.study`; `genes` and `patients` are the
    performance tables, `titles` the titles by experiment.
    """
    reference = study.loc[study["reference"], "experiment"].iloc[0]
    labels = [fill(titles[name], LABEL) for name in study["experiment"]]
    figure = new_figure(PAGE_MM, 30 + ROW_MM * len(study))
    left, right = figure.subplots(1, 2, sharey=True)
    for row, name in enumerate(study["experiment"]):
        values = genes[name]["median_pearson"].dropna()
        colour = BLACK if name == reference else BLUE
        left.boxplot(
            values,
            positions=[row],
            orientation="horizontal",
            widths=0.5,
            whis=(5, 95),
            showfliers=False,
            boxprops={"color": colour},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            medianprops={"color": VERMILLION},
        )
        if name == reference:
            right.text(0, row, " reference", va="center", color=GREY)
        else:
            medians = gene_medians(patients[name], patients[reference])
            draw_points(right, medians["median"] - medians["median_other"], row)
    columns = [f"median_pearson_difference{end}" for end in ("", "_low", "_high")]
    draw_differences(right, study[columns].to_numpy(dtype=float))
    left.set_yticks(range(len(study)), labels)
    left.set_ylim(len(study) - 0.5, -0.5)
    left.axvline(0, **ZERO)
    left.set_xlabel("Median r over patients")
    right.set_xlabel(f"Difference in median r to {titles[reference]}")
    handles = [
        Line2D([], [], color=VERMILLION, label="median over genes"),
        Patch(facecolor="none", edgecolor=BLUE, label="half of the genes (whiskers: 90%)"),
        Line2D([], [], color=BLUE, marker="o", markersize=2, linestyle="", label="gene"),
        Line2D([], [], **DIFFERENCE, label="difference of the medians, 95% interval"),
        Line2D([], [], **ZERO, label="zero"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1)
    return figure


def draw_points(axis: Axes, values: Sequence[float], row: float) -> None:
    """Draw faint points in a row, with random vertical scatter so that they do not overlap."""
    spread = np.random.default_rng(SEED).uniform(-0.25, 0.25, len(values))
    axis.scatter(values, row + spread, s=4, color=BLUE, alpha=0.35, linewidths=0)


def draw_differences(axis: Axes, differences: np.ndarray) -> None:
    """Draw differences with their intervals, (rows, 3), row 0 first; missing ones are left out."""
    # Few ticks, so that long numbers do not overlap.
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.axvline(0, **ZERO)
    for row, (value, low, high) in enumerate(differences):
        axis.plot([low, high], [row, row], color=BLACK, linewidth=DIFFERENCE["linewidth"])
        axis.plot(value, row, **DIFFERENCE)
