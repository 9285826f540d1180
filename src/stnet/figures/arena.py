"""How far methods of the arena are from one of them, and how far they would have to be."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stnet.figures.study import DIFFERENCE, LABEL, ROW_MM, ZERO, draw_differences, draw_points
from stnet.figures.style import BLUE, LIGHT_GREY, PAGE_MM, leave_empty, new_figure, styled

# Few patients' intervals span all that is possible: they are cut this many times further out than
# the furthest patient.
CUT = 3


@styled
def draw_arena(
    against: pd.DataFrame, by_patient: pd.DataFrame, titles: Mapping[str, str], to: str
) -> Figure:
    """A row per method: its difference to the reference, and what is too small to be resolved.

    Args:
        against: a row per method, `experiment`, with its `difference`, `difference_low`,
            `difference_high` and `resolvable`.
        by_patient: the difference in each patient (rows) of each method (columns).
        titles: what to call each method.
        to: what to call the reference.
    """
    figure = new_figure(PAGE_MM, 26 + ROW_MM * max(1, len(against)))
    axis = figure.subplots()
    if against.empty:
        leave_empty(axis, "One method has nothing to be compared with.")
        return figure
    names = against["experiment"].tolist()
    for row, (name, least) in enumerate(zip(names, against["resolvable"], strict=True)):
        if np.isfinite(least):
            axis.barh(row, 2 * least, left=-least, height=0.7, color=LIGHT_GREY, zorder=0)
        draw_points(axis, by_patient[name], row)
    columns = [f"difference{end}" for end in ("", "_low", "_high")]
    draw_differences(axis, against[columns].to_numpy(dtype=float))
    furthest = np.nanmax(np.abs(against[[*columns, "resolvable"]].to_numpy(dtype=float)))
    if limit := min(furthest, CUT * by_patient[names].abs().max(axis=None)):
        axis.set_xlim(-1.05 * limit, 1.05 * limit)
    axis.set_yticks(range(len(names)), [fill(titles[name], LABEL) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel(f"Mean r minus that of {to}")
    handles = [
        Line2D([], [], color=BLUE, marker="o", markersize=2, linestyle="", label="patient"),
        Line2D([], [], **DIFFERENCE, label="mean, 95% interval for all pairs together"),
        Patch(facecolor=LIGHT_GREY, label="too small to be resolved"),
        Line2D([], [], **ZERO, label="zero"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1)
    return figure
