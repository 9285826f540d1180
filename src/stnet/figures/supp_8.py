"""Supp. Fig. 8: representative and atypical patches of tumour and of normal tissue."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from stnet.analysis.latent.examples import EXAMPLES, KINDS
from stnet.config.strata import CLASSES
from stnet.core.printed import decimals
from stnet.figures.latent_patches import alike, draw_patch, read_examples
from stnet.figures.style import PAGE_MM, annotate, new_figure, save, styled

ROW_MM = 28
KEY = (
    "Below each patch: neighbours in the UMAP plane with its label, of all labelled neighbours;\n"
    "distance on the array to the nearest spot of the other label, in spot pitches (1.0: adjacent)"
)


def draw(
    umap: str | Path,
    examples: str | Path,
    index: str | Path,
    figures: Iterable[str | Path],
    *,
    patients: Sequence[str],
) -> None:
    """Draw Supp. Fig. 8: all examples of the patients of Fig. 4.

    Args:
        umap: table of `embed`.
        examples: table of `find_examples`.
        index: index of the view that the patches are read from.
        figures: files to write.
        patients: ids to show; if empty, `choose_patients` chooses.

    Raises:
        InputError: a patient to show is not in the table.
    """
    save(gallery(*read_examples(umap, examples, index, patients, EXAMPLES)[1:]), figures)


@styled
def gallery(
    examples: pd.DataFrame, patches: Mapping[str, np.ndarray], patients: Sequence[str]
) -> Figure:
    """Two rows per patient, tumour and normal: representative patches left, atypical ones right.

    `examples` is the table of `find_examples`. `patches` has the patches of its spots by name.
    """
    figure = new_figure(PAGE_MM, 8 + len(patients) * (8 + ROW_MM * len(CLASSES)))
    blocks = np.ravel(figure.subfigures(len(patients), 1))
    for block, patient in zip(blocks, patients, strict=True):
        axes = _empty_axes(block, patient)
        of_patient = examples[examples["patient"] == patient]
        if of_patient.empty:
            annotate(axes[CLASSES[0], KINDS[0], 1], "no examples")
        for example in of_patient.itertuples():
            axis = axes[example.label, example.kind, example.rank]
            axis.set_axis_on()
            draw_patch(axis, patches[example.spot], example.label, _note(example))
            if example.rank == 1:
                axis.set_ylabel(example.label)
    figure.supxlabel(KEY, fontsize=7)
    return figure


def _empty_axes(block: SubFigure, patient: str) -> dict[tuple[str, str, int], Axes]:
    """Make the axes of a patient, without frames, by label, kind and rank."""
    ranks = range(1, EXAMPLES + 1)
    axes = {}
    for half, kind in zip(block.subfigures(1, len(KINDS), wspace=0.03), KINDS, strict=True):
        grid = half.subplots(len(CLASSES), EXAMPLES, squeeze=False)
        half.suptitle(f"Patient {patient}: {kind}", fontsize=8)
        for row, label in zip(grid, CLASSES, strict=True):
            for axis, rank in zip(row, ranks, strict=True):
                axis.set_axis_off()
                axes[label, kind, rank] = axis
    return axes


def _note(example: tuple) -> str:
    distance = example.distance_to_other
    other = "no other" if np.isnan(distance) else f"other at {decimals(distance, 1)}"
    return f"{alike(example)}\n{other}"
