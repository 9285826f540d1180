"""Fig. 2b: number of patients with a positive correlation, for every gene."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stnet.core.tables import TOO_FEW, count_consistent, read_table
from stnet.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAGE_MM,
    VERMILLION,
    new_figure,
    save,
    styled,
    whole_numbers,
)

# Line styles differ too, for print in black and white.
CURVES = [(BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (VERMILLION, ":")]
# By column of the gene performance: title, and the columns of its null.
TRUTHS = {
    "n_consistent": ("Measured", "permuted"),
    "n_consistent_smooth": ("Measured, smoothed", "permuted_smooth"),
}

# Characters in a line of a key.
LABEL = 28


def draw(
    gene_performance: Mapping[str, str | Path], null: str | Path, figures: Iterable[str | Path]
) -> None:
    """Draw Fig. 2b.

    `gene_performance` has tables by the experiments' titles. `null` is the table of null curves of
    the first experiment.
    """
    tables = {name: read_table(path) for name, path in gene_performance.items()}
    save(consistent_patients(tables, read_table(null)), figures)


@styled
def consistent_patients(performance: Mapping[str, pd.DataFrame], null: pd.DataFrame) -> Figure:
    """One curve per experiment, genes sorted by their number of patients.

    The left panel uses the measurements as they are, the right panel smoothed measurements: the
    paper's text says smoothed, its caption does not. `null` is the table of
    `stnet.evaluation.null`. The dotted line is at the fewest patients of any consistent gene of the
    first experiment, or at all patients if it has none. The keys have the numbers of genes that
    reach it, unless patients are too few to say which genes are consistent.
    """
    main = next(iter(performance.values()))
    n_patients = int(main["n_patients"].max())
    few = count_consistent(main["consistent"]) == TOO_FEW
    least = main.loc[main["consistent"].eq(True), "n_consistent"].min()
    least = n_patients if np.isnan(least) else int(least)
    figure = new_figure(PAGE_MM, 90)
    panels = figure.subplots(1, 2, sharey=True)
    for axis, (column, (title, shifted)) in zip(panels, TRUTHS.items(), strict=True):
        for (colour, line), (name, genes) in zip(CURVES, performance.items(), strict=False):
            counts = np.sort(genes[column].to_numpy())[::-1]
            style = {"color": colour, "linestyle": line, "linewidth": 1.2}
            label = fill(name if few else f"{name}: {(counts >= least).sum()}", LABEL)
            axis.stairs(counts, baseline=None, label=label, **style)
        axis.stairs(
            null["binomial"], baseline=None, color=GREY, linewidth=0.8, label="chance (binomial)"
        )
        low, high = null[f"{shifted}_low"], null[f"{shifted}_high"]
        band = {"color": GREY, "alpha": 0.25, "linewidth": 0, "fill": True}
        axis.stairs(high, baseline=low, label="chance (shifted), 95%", **band)
        if not few:
            axis.axhline(least, color=BLACK, linestyle=":", linewidth=0.6)
        axis.set_title(title)
        axis.set_xlabel("Genes, sorted")
        axis.set_xlim(0, len(main))
        reach = "all" if least == n_patients else f"at least {least} of"
        counted = f"Genes with r > 0 in {reach} {n_patients} patients (dotted line)"
        axis.legend(
            title=f"{TOO_FEW.capitalize()} to count consistent genes" if few else counted,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
            ncols=2,
            columnspacing=1,
            handlelength=1.7,
        )
    panels[0].set_ylim(0, n_patients * 1.04)
    for axis, way in ((panels[0], "y"), (panels[0], "x"), (panels[1], "x")):
        whole_numbers(axis, way)
    panels[0].set_ylabel(f"Patients with r > 0 (of {n_patients})")
    return figure
