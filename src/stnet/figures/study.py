"""Supp. Fig. 11 and every other study: the performance of experiments that differ in few keys."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stnet.core.tables import read_table
from stnet.evaluation.paired import gene_medians
from stnet.figures.style import BLACK, BLUE, GREY, PAGE_MM, VERMILLION, new_figure, save, styled

# Of an experiment, and of a line of its name.
ROW_MM, LINE_MM = 10, 3.2
# Letters in a line of the keys that an experiment changes.
LABEL = 40
SEED = 0


def draw(
    study: str | Path,
    gene_performance: Mapping[str, str | Path],
    patient_performance: Mapping[str, str | Path],
    figures: Iterable[str | Path],
) -> None:
    """Draw the table of a study, and its experiments' performance by their names, into files."""
    genes, patients = (
        {name: read_table(path) for name, path in paths.items()}
        for paths in (gene_performance, patient_performance)
    )
    save(experiments(read_table(study), genes, patients), figures)


@styled
def experiments(
    study: pd.DataFrame, genes: Mapping[str, pd.DataFrame], patients: Mapping[str, pd.DataFrame]
) -> Figure:
    """A row an experiment of `stnet.analysis.study`: median r of its genes, and what it changes.

    Left the distribution of the gene performance's median r; right each gene's difference to the
    reference, over the patients of both, with that of the median over genes and its interval.
    """
    reference = study.loc[study["reference"], "experiment"].iloc[0]
    labels = [_label(row) for row in study.to_dict("records")]
    lines = max(label.count("\n") + 1 for label in labels)
    figure = new_figure(PAGE_MM, 22 + max(ROW_MM, LINE_MM * (lines + 1)) * len(study))
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
    left.axvline(0, color=GREY, linestyle="--", linewidth=0.8)
    left.set_xlabel("Median r over patients, a gene")
    right.set_xlabel(f"Difference to {reference}")
    return figure


def draw_points(axis: Axes, values: Sequence[float], row: float) -> None:
    """Faint points around a row, spread across it at random so that they can be told apart."""
    spread = np.random.default_rng(SEED).uniform(-0.25, 0.25, len(values))
    axis.scatter(values, row + spread, s=4, color=BLUE, alpha=0.35, linewidths=0)


def draw_differences(axis: Axes, differences: np.ndarray) -> None:
    """Differences with their intervals, (rows, 3), row 0 first; missing ones are left out."""
    # Numbers of many digits would run into one another.
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.axvline(0, color=GREY, linestyle="--", linewidth=0.8)
    for row, (value, low, high) in enumerate(differences):
        axis.plot([low, high], [row, row], color=BLACK, linewidth=1.4)
        axis.plot(value, row, marker="D", markersize=3.5, color=VERMILLION, markeredgecolor=BLACK)


def _label(row: Mapping[str, object]) -> str:
    """Name of an experiment, and below it the keys that the study changes with their values."""
    keys = [*row][1 : [*row].index("reference")]
    changed = [f"{key.replace('_', ' ')}: {row[key]}" for key in keys if pd.notna(row[key])]
    return "\n".join([row["experiment"], *(fill(words, LABEL) for words in changed)])
