"""Supp. Figs 4, 5: spread of measured expression within tumour and within normal tissue."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from stnet.analysis.choice import top_genes
from stnet.analysis.spread import QUANTILES
from stnet.config.split import ALL
from stnet.core.printed import decimals
from stnet.core.tables import gene_name, read_table
from stnet.figures.style import (
    BLACK,
    LABEL_COLOURS,
    LIGHT_GREY,
    PAGE_MM,
    leave_empty,
    new_figure,
    save,
    styled,
)

ROW_MM = 36
TOGETHER = "all patients"


def draw(
    spread: str | Path,
    spread_of_genes: str | Path,
    strata: Mapping[str, tuple[str | Path, Iterable[str | Path]]],
) -> None:
    """Draw Supp. Figs 4 and 5: spread of the five best predicted genes within each stratum.

    `spread` and `spread_of_genes` are the tables of `stnet.analysis.spread`. `strata` has, by
    stratum, its gene performance and the files of its figure.
    """
    tables = read_table(spread), read_table(spread_of_genes)
    for stratum, (performance, figures) in strata.items():
        save(spread_within(*tables, read_table(performance), stratum), figures)


@styled
def spread_within(
    spread: pd.DataFrame, of_genes: pd.DataFrame, performance: pd.DataFrame, stratum: str
) -> Figure:
    """One row per gene, with a box for each patient and one for all patients.

    A patient without such spots has only a grey bar, and its name says so.

    Boxes span the quartiles, whiskers the 5th to the 95th percentile of the stratum's spots. Grey
    bars span the 5th to the 95th percentile of all spots. Patients are in the order of their ids.

    Args:
        spread: table of `stnet.analysis.spread.spread`, one row per gene, patient and stratum.
        of_genes: table of `spread_of_genes`, one row per gene.
        performance: gene performance within the stratum, to choose the genes.
        stratum: "tumour" or "normal".

    Returns:
        The figure.
    """
    top = top_genes(performance)
    figure = new_figure(PAGE_MM, 16 + ROW_MM * max(len(top), 1))
    if top.empty:
        leave_empty(figure.add_subplot(), f"no gene has an r within {stratum} tissue")
        return figure
    shares = of_genes.set_index("gene")["within_class"]
    panels = figure.subplots(len(top), 1, sharex=True, squeeze=False)[:, 0]
    for axis, gene in zip(panels, top.itertuples(), strict=True):
        of_gene = spread[spread["gene"] == gene.gene]
        _draw_boxes(axis, of_gene, stratum)
        axis.set_ylabel(gene_name(gene), fontstyle="italic")
        title = f"Median r {decimals(gene.median_pearson)} within {stratum} tissue"
        share = shares[gene.gene]
        if pd.notna(share):
            title += f"; {share:.0%} of the variance is within classes"
        axis.set_title(title, loc="left")
    panels[-1].tick_params(axis="x", rotation=90)
    figure.supylabel("Measured log expression", fontsize=7)
    handles = [
        Patch(facecolor=LABEL_COLOURS[stratum], edgecolor=BLACK, label=f"{stratum} spots"),
        Patch(color=LIGHT_GREY, label="all spots, 5th to 95th percentile"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_boxes(axis: Axes, of_gene: pd.DataFrame, stratum: str) -> None:
    wide = of_gene.pivot(index="patient", columns="stratum")
    # The box of all patients is the last, set apart.
    names = [*sorted(set(wide.index) - {ALL}), ALL]
    within, behind = (
        wide.xs(spots, axis=1, level="stratum").loc[names] for spots in (stratum, "all")
    )
    places = np.array([*range(len(names) - 1), len(names) - 0.5])
    has_spots = within["n_spots"].notna().to_numpy()
    low, high = behind["q05"], behind["q95"]
    # Otherwise the panel ends where the bars end, and their ends are invisible.
    axis.use_sticky_edges = False
    axis.bar(places, high - low, bottom=low, width=0.8, color=LIGHT_GREY, zorder=0)
    whiskers = zip(("whislo", "q1", "med", "q3", "whishi"), QUANTILES, strict=True)
    renamed = within[has_spots].rename(columns={column: part for part, column in whiskers})
    axis.bxp(
        renamed.to_dict("records"),
        positions=places[has_spots],
        widths=0.5,
        showfliers=False,
        # The panels share an axis; each call would set its ticks again.
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": LABEL_COLOURS[stratum], "linewidth": 0.6},
        medianprops={"color": BLACK, "linewidth": 1.2},
        whiskerprops={"linewidth": 0.6},
        capprops={"linewidth": 0.6},
    )
    axis.axvline(len(names) - 1.25, color=LIGHT_GREY, linewidth=0.6)
    axis.set_xlim(-0.7, len(names) + 0.2)
    labels = [
        name if has else f"{name}\n(no {stratum})"
        for name, has in zip([*names[:-1], TOGETHER], has_spots, strict=True)
    ]
    axis.set_xticks(places, labels)
