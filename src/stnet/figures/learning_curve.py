"""Learning curves of the networks: loss by epoch, and the epoch chosen by the inner folds."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stnet.core.checksums import read_json
from stnet.core.tables import read_table
from stnet.figures.style import (
    BLACK,
    BLUE,
    COLUMN_MM,
    ORANGE,
    new_figure,
    save,
    styled,
    whole_numbers,
)

# With small dots, so that a run of a single epoch is visible.
LINE = {"linewidth": 0.7, "alpha": 0.7, "marker": ".", "markersize": 1.5}
DOT = {"color": BLACK, "marker": "o", "markersize": 2, "linestyle": ""}


def draw(
    histories: Sequence[str | Path], epochs: Sequence[str | Path], figures: Iterable[str | Path]
) -> None:
    """Draw the learning curves from `history.tsv` and `epoch.json` of all held-out groups."""
    choices = [read_json(path) for path in epochs]
    save(learning_curves([read_table(path) for path in histories], choices), figures)


@styled
def learning_curves(histories: Sequence[pd.DataFrame], choices: Sequence[dict]) -> Figure:
    """Two lines per held-out group: loss of the final run, and error in the inner folds.

    Both are squared errors per spot and gene. A dot marks the chosen epoch. Groups without inner
    folds have only the first line.
    """
    figure = new_figure(COLUMN_MM, 66)
    axis = figure.add_subplot()
    for history, choice in zip(histories, choices, strict=True):
        final = history[history["run"] == "final"]
        axis.plot(final["epoch"], final["train_loss"], color=BLUE, **LINE)
        inner = choice["inner_loss"]
        if inner:
            axis.plot(range(1, len(inner) + 1), inner, color=ORANGE, **LINE)
            axis.plot(choice["epoch"], inner[choice["epoch"] - 1], **DOT)
    handles = [Line2D([], [], color=BLUE, label="final run, training loss")]
    if any(choice["inner_loss"] for choice in choices):
        handles += [
            Line2D([], [], color=ORANGE, label="inner folds, error on the fold left out"),
            Line2D([], [], **DOT, label="chosen epoch"),
        ]
    axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    axis.set_xlabel("Epoch")
    axis.set_ylabel("Squared error per spot and gene")
    whole_numbers(axis, "x")
    return figure
