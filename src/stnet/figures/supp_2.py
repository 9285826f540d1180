"""Supp. Fig. 2: performance on external Visium sections, section by section."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from stnet.core.tables import read_table
from stnet.figures.fig_2c import AUROC_BIN, draw_distribution
from stnet.figures.style import PAGE_MM, new_figure, save, styled

# By column of the section performance: axis label, value expected by chance, width of a bin.
COLUMNS = {
    "pearson": ("Pearson's r", 0.0, 0.05),
    "auroc": ("AUROC, top against bottom quarter of spots", 0.5, AUROC_BIN),
}
ROW_MM = 50


def draw(section_performance: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw Supp. Fig. 2 from the section performance on external sections."""
    save(by_section(read_table(section_performance)), figures)


@styled
def by_section(performance: pd.DataFrame) -> Figure:
    """One row per section: histograms over genes of r and of the AUROC.

    `performance` has one row per gene and section, with `section`, `pearson` and `auroc`.
    """
    sections = performance["section"].unique()
    figure = new_figure(PAGE_MM, 8 + ROW_MM * len(sections))
    panels = figure.subplots(len(sections), len(COLUMNS), squeeze=False, sharex="col")
    for axes, section in zip(panels, sections, strict=True):
        of_section = performance[performance["section"] == section]
        for axis, (column, (_, chance, width)) in zip(axes, COLUMNS.items(), strict=True):
            draw_distribution(axis, of_section[column], chance=chance, width=width)
        # Padded to stand above the legend.
        axes[0].set_title(f"Section {section}", loc="left", pad=16)
    for axis, (title, _, _) in zip(panels[-1], COLUMNS.values(), strict=True):
        axis.set_xlabel(title)
    return figure
