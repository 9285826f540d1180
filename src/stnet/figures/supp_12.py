"""Supp. Fig. 12: genes predicted by a network of their own and by the network for all genes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stnet.core.tables import read_table
from stnet.evaluation.paired import paired
from stnet.figures.study import DIFFERENCE, ZERO, draw_differences
from stnet.figures.style import BLUE, ORANGE, PAGE_MM, new_figure, save, styled

ROW_MM = 9
# Colour, marker and vertical offset within a gene's row.
SIDES = {"together": (BLUE, "o", -0.18), "alone": (ORANGE, "s", 0.18)}
NAMES = {"together": "predicted together with all genes", "alone": "predicted alone"}


def draw(
    single_genes: str | Path,
    patient_performance: str | Path,
    alone: Mapping[str, str | Path],
    figures: Iterable[str | Path],
) -> None:
    """Draw Supp. Fig. 12 from the table of single genes.

    `patient_performance` is that of the network for all genes. `alone` has that of each gene's own
    network, by symbol.
    """
    tables = {symbol: read_table(path) for symbol, path in alone.items()}
    save(
        together_and_alone(read_table(single_genes), read_table(patient_performance), tables),
        figures,
    )


@styled
def together_and_alone(
    genes: pd.DataFrame, together: pd.DataFrame, alone: Mapping[str, pd.DataFrame]
) -> Figure:
    """One row per gene: left r of each patient and the median, right the difference of medians.

    `genes` is the table of `stnet.analysis.single_genes`. `together` and `alone` (by symbol) are
    tables of patient performance.
    """
    figure = new_figure(PAGE_MM, 25 + ROW_MM * len(genes))
    left, right = figure.subplots(1, 2, sharey=True)
    left.axvline(0, **ZERO)
    for row, gene in enumerate(genes.itertuples()):
        tables = paired(together, alone[gene.symbol])
        for (side, (colour, marker, place)), table in zip(SIDES.items(), tables, strict=True):
            of_patients = table["pearson"].dropna()
            style = {"color": colour, "marker": marker, "linestyle": ""}
            left.plot(
                of_patients,
                np.full(len(of_patients), row + place),
                markersize=2.5,
                alpha=0.5,
                markeredgewidth=0,
                **style,
            )
            left.plot(
                getattr(gene, f"median_pearson_{side}"),
                row + place,
                markersize=5.5,
                markeredgecolor="black",
                **style,
            )
    columns = ["difference", "difference_low", "difference_high"]
    draw_differences(right, genes[columns].to_numpy(dtype=float))
    left.set_yticks(range(len(genes)), genes["symbol"], fontstyle="italic")
    left.set_ylim(len(genes) - 0.5, -0.5)
    left.set_xlabel("r (small: patients; large: median over patients)")
    right.set_xlabel("Median r together, minus median r alone")
    handles = [
        *(
            Line2D([], [], color=colour, marker=marker, linestyle="", label=NAMES[side])
            for side, (colour, marker, _) in SIDES.items()
        ),
        Line2D([], [], **DIFFERENCE, label="difference, 95% interval"),
        Line2D([], [], **ZERO, label="zero"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure
