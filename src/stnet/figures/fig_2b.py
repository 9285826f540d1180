"""Fig. 2b: number of patients with a positive correlation, for every gene."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stnet.core.tables import TOO_FEW, count_consistent, read_table
from stnet.figures.style import (
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
TRUTHS = {"n_consistent": "Measured", "n_consistent_smooth": "Measured, smoothed"}


def draw(
    gene_performance: Mapping[str, str | Path], null: str | Path, figures: Iterable[str | Path]
) -> None:
    """Draw Fig. 2b.

    `gene_performance` has tables by the experiments' names in the legend. `null` is the table of
    null curves of the first experiment.
    """
    tables = {name: read_table(path) for name, path in gene_performance.items()}
    save(consistent_patients(tables, read_table(null)), figures)


@styled
def consistent_patients(performance: Mapping[str, pd.DataFrame], null: pd.DataFrame) -> Figure:
    """One curve per experiment, genes sorted by their number of patients.

    The left panel uses the measurements as they are, the right panel smoothed measurements: the
    paper's text says smoothed, its caption does not. `null` is the table of
    `stnet.evaluation.null`. Its draws use the measurements as they are, so the right panel has only
    the binomial curve.
    """
    figure = new_figure(PAGE_MM, 75)
    panels = figure.subplots(1, 2, sharey=True)
    for axis, (column, title) in zip(panels, TRUTHS.items(), strict=True):
        for (colour, line), (name, genes) in zip(CURVES, performance.items(), strict=False):
            count = count_consistent(genes["consistent"])
            label = f"{name} ({count}{'' if count == TOO_FEW else ' consistent genes'})"
            counts = np.sort(genes[column].to_numpy())[::-1]
            style = {"color": colour, "linestyle": line, "linewidth": 1.2}
            axis.stairs(counts, baseline=None, label=label, **style)
        axis.stairs(
            null["binomial"], baseline=None, color=GREY, linewidth=0.8, label="binomial null"
        )
        axis.set_title(title)
        axis.set_xlabel("Genes, sorted")
    band = {"color": GREY, "alpha": 0.25, "linewidth": 0, "fill": True}
    low, high = null["permuted_low"], null["permuted_high"]
    panels[0].stairs(high, baseline=low, label="spatial null, 95%", **band)
    main = next(iter(performance.values()))
    n_patients = int(main["n_patients"].max())
    panels[0].set_xlim(0, len(main))
    panels[1].set_xlim(0, len(main))
    panels[0].set_ylim(0, n_patients * 1.04)
    whole_numbers(panels[0], "y")
    panels[0].set_ylabel(f"Patients with r > 0 (of {n_patients})")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure
