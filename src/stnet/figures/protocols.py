"""r of every method under every protocol, and what the protocols choose."""

from collections.abc import Mapping
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stnet.evaluation.protocols import CHOICES, KEYS, PAPER, Protocol
from stnet.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT_GREY,
    ORANGE,
    PAGE_MM,
    SKY,
    VERMILLION,
    new_figure,
    styled,
)

# Choices in words; those of two kinds of average are the same.
WORDS = {
    "targets": "targets' unit",
    "ln_counts": "ln(1 + c)",
    "cp10k": "ln(1 + CP10k)",
    "residuals": "Pearson residuals",
    "raw": "no",
    "smoothed": "yes",
    "patient": "patient",
    "section": "section",
    "spots": "all patients",
    "": "one r",
    "all": "all",
    "variable": "most variable",
    "best_others": "best elsewhere",
    "best_test": "best in test (leaks)",
}
# From dark to light and back, so that neighbours differ in greyscale; the darkest is brown. More
# markers than colours, so that the pairs differ for 56 experiments.
COLOURS, MARKERS = (BLUE, ORANGE, "#5D3A00", SKY, GREEN, "#CC79A7", GREY), "s^vDXPo*"
LEAKS = {"color": VERMILLION, "alpha": 0.15, "linewidth": 0}


@styled
def specification_curve(
    table: pd.DataFrame, titles: Mapping[str, str], kinds: Mapping[str, str]
) -> Figure:
    """Protocols of `score_protocols` from left to right by the r of the main experiment, its first.

    `titles` has what to call each experiment, `kinds` what to call each kind of choice. Above, r of
    each experiment, with the interval of the main one. Below, a mark for each choice that the
    protocol makes; those of protocols that leak are red.
    """
    by_protocol = table.pivot(index=KEYS, columns="experiment", values="r")
    first = table["experiment"].iloc[0]
    main = table[table["experiment"] == first].sort_values("r", kind="stable", na_position="first")
    protocols = [Protocol(*row) for row in main[KEYS].itertuples(index=False)]
    figure = new_figure(PAGE_MM, 178)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.15, 1])
    places = range(len(protocols))
    for place, each in enumerate(protocols):
        if each.leaks:
            above.axvspan(place - 0.5, place + 0.5, **LEAKS)
    interval = {"color": LIGHT_GREY, "label": f"{titles[first]}, 95% interval"}
    above.fill_between(places, main["low"], main["high"], linewidth=0, step="mid", **interval)
    others = [name for name in table["experiment"].unique() if name != first]
    for name, colour, marker in zip(others, cycle(COLOURS), cycle(MARKERS), strict=False):
        values = by_protocol[name].reindex(protocols)
        style = {"s": 4, "color": colour, "marker": marker, "linewidths": 0, "alpha": 0.8}
        above.scatter(places, values, label=titles[name], **style)
    above.plot(places, main["r"], color=BLACK, linewidth=1.6, label=titles[first])
    style = {"color": BLACK, "linestyle": ":", "linewidth": 0.8}
    above.axvline(protocols.index(PAPER), label="the paper's protocol", **style)
    above.axhline(0, color=GREY, linestyle="--", linewidth=0.6)
    above.fill_between([], [], label="leaks: genes chosen in the test", **LEAKS)
    # The axis is of the r; intervals of few patients span almost all that is possible.
    low, high = table["r"].min(), table["r"].max()
    if high > low:
        above.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    above.set_ylabel("r of the same predictions")
    figure.legend(loc="outside upper center", ncols=3, markerscale=2)
    _mark_choices(below, protocols, kinds)
    below.set_xlabel(f"{len(protocols)} protocols, by the r of {titles[first]}")
    below.set_xlim(-1, len(protocols))
    return figure


def _mark_choices(axis: Axes, protocols: list[Protocol], kinds: Mapping[str, str]) -> None:
    row, labels = 0, []
    heading = {"ha": "right", "va": "center", "fontweight": "bold"}
    for kind, choices in CHOICES._asdict().items():
        axis.text(-0.005, row, kinds[kind], transform=axis.get_yaxis_transform(), **heading)
        labels.append("")
        for choice in choices:
            places = [i for i, each in enumerate(protocols) if getattr(each, kind) == choice]
            if not places:
                continue
            colours = [VERMILLION if protocols[i].leaks else BLACK for i in places]
            at = [len(labels)] * len(places)
            axis.scatter(places, at, s=14, marker="|", c=colours, linewidths=0.7)
            labels.append(WORDS.get(choice, choice))
        row = len(labels)
    axis.set_yticks(range(row), labels)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(row - 0.5, -0.5)
