"""Fig. 4: latent space of three patients, with examples of patches of each class."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from stnet.analysis.latent.examples import KINDS
from stnet.config.strata import CLASSES
from stnet.figures.labels import write_beside
from stnet.figures.latent_patches import alike, draw_patch, read_examples
from stnet.figures.spot_map import colour_labels, draw_key
from stnet.figures.style import (
    BLACK,
    LABEL_COLOURS,
    PAGE_MM,
    leave_empty,
    new_figure,
    save,
    styled,
)

HEIGHT_MM = 146
# In the order of the paper's caption of Fig. 4.
MARKS = dict(
    zip([(name, kind) for name in CLASSES for kind in KINDS], ["i", "ii", "iii", "iv"], strict=True)
)


def draw(
    umap: str | Path,
    examples: str | Path,
    index: str | Path,
    figures: Iterable[str | Path],
    *,
    patients: Sequence[str],
) -> None:
    """Draw Fig. 4.

    Args:
        umap: table of `embed`.
        examples: table of `find_examples`.
        index: index of the view that the patches are read from.
        figures: files to write.
        patients: ids to show; if empty, `choose_patients` chooses.

    Raises:
        InputError: a patient to show is not in the table.
    """
    save(latent_space(*read_examples(umap, examples, index, patients, 1)), figures)


@styled
def latent_space(
    spots: pd.DataFrame,
    examples: pd.DataFrame,
    patches: Mapping[str, np.ndarray],
    patients: Sequence[str],
) -> Figure:
    """One column per patient: its spots in the UMAP plane by label, and below them the examples.

    `examples` has at most one row per patient, label and kind. `patches` has the patches of these
    spots by name.
    """
    # Without labels there are no examples.
    figure = new_figure(PAGE_MM, HEIGHT_MM / (1 if len(examples) else 2))
    columns = np.ravel(figure.subfigures(1, len(patients)))
    planes = []
    for column, patient in zip(columns, patients, strict=True):
        of_patient = [table[table["patient"] == patient] for table in (spots, examples)]
        plane = _draw_patient(
            column, patient, *of_patient, patches, with_examples=len(examples) > 0
        )
        planes.append((plane, *of_patient))
    # Marks need the final layout.
    figure.draw_without_rendering()
    for plane, of_plane, found in planes:
        places = of_plane.set_index("spot")[["umap1", "umap2"]]
        marks = [f"({MARKS[example.label, example.kind]})" for example in found.itertuples()]
        write_beside(plane, marks, places.loc[found["spot"]].to_numpy(), places.dropna().to_numpy())
    return figure


def _draw_patient(
    column: SubFigure,
    patient: str,
    spots: pd.DataFrame,
    examples: pd.DataFrame,
    patches: Mapping[str, np.ndarray],
    *,
    with_examples: bool,
) -> Axes:
    """Draw the column of a patient and return the axes of its UMAP plane."""
    rows, heights = [["umap", "umap"], ["i", "ii"], ["iii", "iv"]], [2, 1, 1]
    n_rows = 3 if with_examples else 1
    axes = column.subplot_mosaic(rows[:n_rows], height_ratios=heights[:n_rows])
    plane = axes.pop("umap")
    plane.set_title(f"Patient {patient}")
    if spots["umap1"].isna().all():
        leave_empty(plane, "too few spots")
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
            f"{example.kind}:\n{alike(example)} neighbours\nare {example.label}",
        )
        style = {"mfc": LABEL_COLOURS[example.label], "mec": BLACK, "mew": 0.8, "alpha": 0.8}
        plane.plot(*places.loc[example.spot], "o", markersize=4, zorder=3, **style)
    return plane


def _draw_plane(axis: Axes, spots: pd.DataFrame) -> None:
    colours, kinds = colour_labels(spots["label"])
    # In random order, so that neither class covers the other.
    order = np.random.default_rng(0).permutation(len(spots))
    axis.scatter(
        *spots[["umap1", "umap2"]].to_numpy()[order].T,
        c=np.array(colours)[order],
        s=min(6, 3000 / len(spots)),
        linewidths=0,
    )
    axis.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
    axis.margins(0.08)
    axis.set_aspect("equal", adjustable="datalim")
    draw_key(axis, kinds, counted=False, above=True, markersize=3)
    axis.set_title(axis.get_title(), pad=14)
