"""Fig. 4: the latent space of three patients, with typical and atypical patches of either class."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from stnet.analysis.latent.examples import KINDS
from stnet.config.strata import CLASSES
from stnet.core.tables import read_table
from stnet.figures.latent_patches import alike, choose_patients, draw_patch, read_example_patches
from stnet.figures.prediction_map import MISSING, annotate
from stnet.figures.style import BLACK, LABEL_COLOURS, PAGE_MM, new_figure, save, styled

HEIGHT_MM = 138
# In the order of the caption of Fig. 4.
MARKS = dict(
    zip([(name, kind) for name in CLASSES for kind in KINDS], ["i", "ii", "iii", "iv"], strict=True)
)
# Where each stands beside its point, in points: marks of the same place do not cover one another.
OFFSETS = {"i": (0, 8), "ii": (0, -8), "iii": (9, 0), "iv": (-9, 0)}


def draw(
    umap: str | Path,
    examples: str | Path,
    index: str | Path,
    figures: Iterable[str | Path],
    *,
    patients: Sequence[str],
) -> None:
    """Draw the latent space of the chosen patients (`choose_patients`) into files.

    `umap` and `examples` are the tables of `embed` and `find_examples`, `index` that of a view.
    """
    spots, found = read_table(umap), read_table(examples)
    shown = choose_patients(spots, patients)
    first = found[found["patient"].isin(shown) & (found["rank"] == 1)]
    save(latent_space(spots, first, read_example_patches(index, spots, first), shown), figures)


@styled
def latent_space(
    spots: pd.DataFrame,
    examples: pd.DataFrame,
    patches: Mapping[str, np.ndarray],
    patients: Sequence[str],
) -> Figure:
    """A column a patient: its spots in the plane of UMAP by label, and below it its examples.

    `examples` has at most one row a patient, label and kind, and `patches` those of its spots.
    """
    figure = new_figure(PAGE_MM, HEIGHT_MM)
    columns = np.ravel(figure.subfigures(1, len(patients)))
    for column, patient in zip(columns, patients, strict=True):
        of_patient = (table[table["patient"] == patient] for table in (spots, examples))
        _draw_patient(column, patient, *of_patient, patches)
    return figure


def _draw_patient(
    column: SubFigure,
    patient: str,
    spots: pd.DataFrame,
    examples: pd.DataFrame,
    patches: Mapping[str, np.ndarray],
) -> None:
    axes = column.subplot_mosaic(
        [["umap", "umap"], ["i", "ii"], ["iii", "iv"]], height_ratios=[2, 1, 1]
    )
    plane = axes.pop("umap")
    plane.set_title(f"Patient {patient}")
    if spots["umap1"].isna().all():
        plane.set_axis_off()
        annotate(plane, "too few spots")
    else:
        _draw_plane(plane, spots)
    for axis in axes.values():
        axis.set_axis_off()
    places = spots.set_index("spot")[["umap1", "umap2"]]
    for example in examples.itertuples():
        mark = MARKS[example.label, example.kind]
        axes[mark].set_axis_on()
        axes[mark].set_title(f"({mark}) {example.label}", fontsize=7, pad=3)
        draw_patch(
            axes[mark],
            patches[example.spot],
            example.label,
            f"{example.kind},\n{alike(example)}",
        )
        _mark(plane, places.loc[example.spot], mark, example.label)


def _draw_plane(axis: Axes, spots: pd.DataFrame) -> None:
    known = spots["label"].isin(CLASSES)
    colours = spots["label"].map(LABEL_COLOURS).where(known, MISSING)
    # In a random order, so that no class lies on top.
    order = np.random.default_rng(0).permutation(len(spots))
    axis.scatter(
        *spots[["umap1", "umap2"]].to_numpy()[order].T,
        c=colours.to_numpy()[order],
        s=min(6, 3000 / len(spots)),
        linewidths=0,
    )
    axis.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
    axis.margins(0.08)
    axis.set_aspect("equal", adjustable="datalim")
    handles = [
        Line2D([], [], marker="o", markersize=3, linestyle="", color=colour, label=name)
        for name, colour in {**LABEL_COLOURS, "no label": MISSING}.items()
        if (colours == colour).any()
    ]
    axis.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=len(handles),
        borderaxespad=0,
        handletextpad=0,
    )
    axis.set_title(axis.get_title(), pad=14)


def _mark(axis: Axes, place: pd.Series, mark: str, label: str) -> None:
    colour = LABEL_COLOURS[label]
    axis.plot(*place, "o", markersize=4, mfc=colour, mec=BLACK, mew=0.8, alpha=0.8, zorder=3)
    axis.annotate(
        f"({mark})",
        place,
        xytext=OFFSETS[mark],
        textcoords="offset points",
        ha="center",
        va="center",
        path_effects=[withStroke(linewidth=2, foreground="white")],
        zorder=4,
    )
