"""Supp. Fig. 3: co-localisation of tumour and immune genes in sections and in slides."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

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
    ORANGE,
    PAGE_MM,
    leave_empty,
    new_figure,
    save,
    styled,
    whole_numbers,
    whole_thousands,
)

ROW_MM = 65
BINS = np.linspace(-1, 1, 41)
LINES = 15  # more patients than these are drawn paler


def draw(tables: Mapping[str, Sequence[str | Path]], figures: Iterable[str | Path]) -> None:
    """Draw Supp. Fig. 3.

    `tables` has, by the title of a row, three paths: the table of patients, the table of pairs and
    the summary.
    """
    save(
        colocalisation({name: [*map(read_table, paths)] for name, paths in tables.items()}), figures
    )


@styled
def colocalisation(tables: Mapping[str, Sequence[pd.DataFrame]]) -> Figure:
    """One row per data set: patients against chance, and the distribution of the correlations.

    `tables` has, by title, a table of patients (`observed_z` and `chance_z`, mean Fisher's z over
    the pairs), a table of pairs (`r` of a tumour and an immune gene in a section or slide) and the
    summary (`quantity value`).
    """
    figure = new_figure(PAGE_MM, ROW_MM * len(tables))
    ratios = {"width_ratios": [2, 3]}
    panels = figure.subplots(len(tables), 2, squeeze=False, gridspec_kw=ratios)
    for axes, (name, (patients, pairs, summary)) in zip(panels, tables.items(), strict=True):
        patients = patients.dropna(subset=["observed_z", "chance_z"])
        _draw_patients(axes[0], patients)
        _draw_pairs(axes[1], pairs["r"].dropna(), np.tanh(patients["chance_z"].mean()))
        axes[0].set_title(f"{name}: {in_words(summary)}")
    return figure


def in_words(summary: pd.DataFrame) -> str:
    """Text with the direction, the P of the test over patients, and that over random sets."""
    value = summary.set_index("quantity")["value"]
    if np.isnan(float(value["p"])):
        return "no test possible"
    return (
        f"{value['direction']} together than by chance\n"
        f"{_p(value['p'])}; among random genes {_p(value['p_random_sets'])}"
    )


def _p(value: str) -> str:
    p = float(value)
    return "untested" if np.isnan(p) else "P < 0.001" if p < 0.001 else f"P = {p:.3f}"


def _draw_patients(axis: Axes, patients: pd.DataFrame) -> None:
    if patients.empty:
        leave_empty(axis, "no patient has such pairs")
        return
    below = (patients["observed_z"] < patients["chance_z"]).to_numpy()
    ends = patients[["chance_z", "observed_z"]].to_numpy().T
    faint = min(1, max(LINES / len(patients), 0.05))
    for rows, colour, words in ((below, BLUE, "below"), (~below, ORANGE, "not below")):
        axis.plot(ends[:, rows], color=colour, alpha=faint, marker="o", markersize=2)
        axis.plot([], color=colour, label=f"patients {words} chance: {rows.sum():,}")
    axis.plot(ends.mean(axis=1), color=BLACK, linewidth=2, marker="o", label="mean")
    axis.set_xticks([0, 1], ["Chance", "Observed"])
    axis.set_xlim(-0.3, 1.3)
    axis.set_ylabel("Mean Fisher's z over the pairs")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1))


def _draw_pairs(axis: Axes, r: pd.Series, chance: float) -> None:
    if r.empty:
        axis.set_axis_off()
        return
    axis.hist(r, bins=BINS, color=BLUE)
    for value, colour, style, name in (
        (r.mean(), BLACK, "-", "mean"),
        (chance, GREY, "--", "mean by chance"),
    ):
        axis.axvline(value, color=colour, linestyle=style, label=f"{name} {decimals(value)}")
    axis.set_xlim(-1, 1)
    axis.set_xlabel("r of a tumour gene and an immune gene")
    axis.set_ylabel("Pairs of genes")
    whole_numbers(axis, "y")
    whole_thousands(axis, "y")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
