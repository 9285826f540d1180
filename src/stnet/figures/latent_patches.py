"""What the figures of the latent space share: choice of patients, and patches of their spots."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from stnet.config.strata import CLASSES
from stnet.core.errors import InputError
from stnet.core.tables import read_table
from stnet.figures.style import LABEL_COLOURS
from stnet.slides.patches import read_chosen

SHOWN = 3


def choose_patients(spots: pd.DataFrame, wanted: Sequence[str]) -> list[str]:
    """The `wanted` patients, or else the three with the most balanced labels.

    `spots` is the table of `embed`. Only patients with UMAP coordinates and both classes are
    considered; the smaller the share of the larger class, the more balanced. If no patient has
    both classes, the first three with coordinates are taken. The order is that of the table.
    Raises InputError for a wanted patient that is not in the table.
    """
    known = spots["patient"].unique()
    for patient in wanted:
        if patient not in known:
            raise InputError(
                f"report.latent.patients: {patient} is not among the held-out patients "
                + ", ".join(known)
            )
    if wanted:
        return list(wanted)
    placed = spots[spots["umap1"].notna()].reset_index(drop=True)
    labels = placed["label"].where(placed["label"].isin(CLASSES))
    shares = pd.crosstab(placed["patient"], labels, normalize="index")
    shares = shares.reindex(index=placed["patient"].unique(), columns=CLASSES, fill_value=0.0)
    both = shares[(shares > 0).all(axis=1)].max(axis=1).sort_values(kind="stable")
    chosen = (both if len(both) else shares).index[:SHOWN]
    return [patient for patient in known if patient in chosen]


def read_examples(
    umap: str | Path, examples: str | Path, index: str | Path, wanted: Sequence[str], most: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray], list[str]]:
    """Read what a figure of examples shows: spots, examples, their patches, and the patients.

    Args:
        umap: table of `embed`: all spots of the sections, in the order of the view.
        examples: table of `find_examples`.
        index: index of the view that the patches are read from.
        wanted: patients, as for `choose_patients`.
        most: number of examples of each label and kind, from the first.

    Returns:
        Patches are uint8 (side, side, 3), by spot.

    Raises:
        InputError: a patient to show is not in the table.
    """
    spots, found = read_table(umap), read_table(examples)
    shown = choose_patients(spots, wanted)
    found = found[found["patient"].isin(shown) & (found["rank"] <= most)]
    names = found["spot"].tolist()
    patches = read_chosen(index, spots.set_index("spot")["section"], names)
    return spots, found, dict(zip(names, patches, strict=True)), shown


def alike(example: tuple) -> str:
    """Text with the number of neighbours of an example that have its label, of all."""
    return f"{round(example.share * example.n_neighbours)} of {example.n_neighbours}"


def draw_patch(axis: Axes, patch: np.ndarray, label: str, note: str) -> None:
    """Draw a patch (side, side, 3), framed in the colour of its label, with a note below."""
    axis.imshow(patch)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color=LABEL_COLOURS[label], linewidth=1.5)
    axis.set_xlabel(note, labelpad=2)
