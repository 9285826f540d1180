"""Fig. 2a: image, pathologist's labels, measured and predicted expression of a gene."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from stnet.analysis.choice import choose_gene
from stnet.core.errors import InputError
from stnet.core.tables import gene_name, read_table
from stnet.expression.spatial import picture_of
from stnet.figures.prediction_map import COLOURS, MISSING, add_colour_bar, annotate
from stnet.figures.spot_map import draw_image, draw_scale_bar, draw_spots, frame, spot_pitch
from stnet.figures.style import (
    EXPRESSION_UNITS,
    LABEL_COLOURS,
    PAGE_MM,
    new_figure,
    save,
    styled,
)

# Printed width of a map, and what its colour bar needs below it.
MAP_MM, BAR_MM = 40, 13


@dataclass(frozen=True)
class Example:
    """A patient's section as Fig. 2a shows it.

    `spots` has a row a spot: `x y` (full-resolution pixels), `label` ("tumour", "normal" or
    missing), `measured` and `predicted`. `image` is the whole section reduced, a pixel of which
    spans `downsample` of the full resolution; `um_per_px` is of the latter. `rank` of `n_ranked` is
    the patient's place by `r`, which is over all its sections.
    """

    patient: str
    section: str
    r: float
    rank: int
    n_ranked: int
    spots: pd.DataFrame
    image: Image.Image | None
    downsample: float
    um_per_px: float


def draw(
    predictions: Sequence[str | Path],
    gene_performance: str | Path,
    patient_performance: str | Path,
    figures: Iterable[str | Path],
    *,
    gene: str | None,
    patients: Sequence[str],
) -> None:
    """Draw the chosen or the middle-ranked patients into files.

    `predictions` are those of all held-out groups. Raises InputError for a configured patient
    without predictions.
    """
    chosen = choose_gene(read_table(gene_performance), gene)
    ranking = rank_patients(read_table(patient_performance), chosen["gene"])
    shown = choose_patients(ranking, patients)
    spots, spatial, unit = _read_spots(predictions, chosen["gene"], shown)
    examples = []
    for patient in shown:
        section = choose_section(spots[spots["patient"] == patient])
        image, downsample = picture_of(spatial[section])
        examples.append(
            Example(
                patient=patient,
                section=section,
                r=ranking.loc[patient, "pearson"],
                rank=ranking.index.get_loc(patient) + 1,
                n_ranked=ranking["pearson"].notna().sum(),
                spots=spots[spots["section"] == section],
                image=image,
                downsample=downsample,
                um_per_px=float(spatial[section]["metadata"]["um_per_px"]),
            )
        )
    name = gene_name(chosen)
    save(expression_maps(examples, name, unit), figures)


def rank_patients(performance: pd.DataFrame, gene: str) -> pd.DataFrame:
    """The patient performance of a gene by patient, highest r first, patients without r last."""
    of_gene = performance[performance["gene"] == gene].set_index("patient")
    return of_gene.sort_values("pearson", ascending=False, kind="stable")


def choose_patients(ranking: pd.DataFrame, wanted: Sequence[str]) -> list[str]:
    """The `wanted` patients, else the two in the middle of the ranking (the only one of one).

    Of 23 these are the 11th and 12th, as in the caption of Fig. 2a. Patients without r are taken
    only where nobody has one.
    """
    for patient in wanted:
        if patient not in ranking.index:
            raise InputError(
                f"report.patients: {patient} is not among the held-out patients "
                + ", ".join(ranking.index)
            )
    ranked = ranking.index[ranking["pearson"].notna()]
    candidates = ranked if len(ranked) else ranking.index
    middle = max(len(candidates) // 2 - 1, 0)
    return list(wanted) or list(candidates[middle : middle + 2])


def choose_section(spots: pd.DataFrame) -> str:
    """The section of a patient with the most labelled spots; of these the one with most spots."""
    sizes = spots.groupby("section", sort=False)["label"].agg(["count", "size"])
    return sizes.sort_values(["count", "size"], ascending=False, kind="stable").index[0]


@styled
def expression_maps(examples: Sequence[Example], gene: str, unit: str) -> Figure:
    """A row an example: image, labels, measured and predicted expression of `gene` in `unit`."""
    heights = [MAP_MM * _height_by_width(example) + BAR_MM for example in examples]
    figure = new_figure(PAGE_MM, 12 + sum(heights))
    rows = figure.subplots(len(examples), 4, squeeze=False, gridspec_kw={"height_ratios": heights})
    figure.supxlabel(f"Colour: {unit}, from the 2nd to the 98th percentile of each map", fontsize=7)
    titles = ["Image", "Pathologist's labels", f"{gene}, measured", f"{gene}, predicted"]
    for axis, title in zip(rows[0], titles, strict=True):
        axis.set_title(title)
    for axes, example in zip(rows, examples, strict=True):
        _draw_example(axes, example)
    _add_label_legend(rows[-1][1], pd.concat([example.spots["label"] for example in examples]))
    return figure


def _draw_example(axes: Sequence[Axes], example: Example) -> None:
    picture, labels, measured, predicted = axes
    places = example.spots[["x", "y"]].to_numpy(dtype=float)
    pitch = spot_pitch(places)
    for axis in axes:
        frame(axis, places, pitch)
    rank = "" if np.isnan(example.r) else f"\n(rank {example.rank} of {example.n_ranked})"
    r = "undefined" if np.isnan(example.r) else f"{example.r:.2f}"
    picture.set_ylabel(f"Patient {example.patient}\nsection {example.section}\nr = {r}{rank}")
    if example.image is None:
        annotate(picture, "no image")
    else:
        draw_image(picture, example.image, example.downsample)
        frame(picture, places, pitch)
    if example.um_per_px > 0:
        draw_scale_bar(picture, example.um_per_px)
    known = example.spots["label"].isin(list(LABEL_COLOURS)).to_numpy()
    if known.any():
        colours = example.spots["label"].map(LABEL_COLOURS).where(known, MISSING)
        draw_spots(labels, places, pitch, facecolors=list(colours))
    else:
        annotate(labels, "no labels")
    for axis, name in ((measured, "measured"), (predicted, "predicted")):
        values = example.spots[name].to_numpy(dtype=float)
        if np.isnan(values).all():
            annotate(axis, "none")
            continue
        spots = draw_spots(axis, places, pitch, array=values, cmap=COLOURS)
        add_colour_bar(axis, spots, MAP_MM * _height_by_width(example))


def _height_by_width(example: Example) -> float:
    width, height = np.ptp(example.spots[["x", "y"]].to_numpy(dtype=float), axis=0)
    return (height + 1) / (width + 1)


def _add_label_legend(axis: Axes, labels: pd.Series) -> None:
    present = {name: colour for name, colour in LABEL_COLOURS.items() if (labels == name).any()}
    if not present:
        return
    if not labels.isin(list(LABEL_COLOURS)).all():
        present["none"] = MISSING
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=name)
        for name, colour in present.items()
    ]
    axis.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=len(handles),
        handletextpad=0.1,
        columnspacing=0.8,
    )


def _read_spots(
    predictions: Sequence[str | Path], gene: str, patients: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, dict], str]:
    """Spots of the patients, `uns["spatial"]` of their sections, and the unit of expression."""
    parts, spatial, units = [], {}, set()
    for path in predictions:
        table = ad.read_h5ad(path)
        if gene not in table.var_names:
            continue
        table = table[table.obs["patient"].astype(str).isin(patients).to_numpy(), gene]
        spatial |= table.uns["spatial"]
        units.add(EXPRESSION_UNITS[table.uns["provenance"]["transform"]])
        parts.append(
            pd.DataFrame(
                {
                    "patient": table.obs["patient"].astype(str),
                    "section": table.obs["section"].astype(str),
                    "label": table.obs["label"].astype(object),
                    "x": table.obsm["spatial"][:, 0],
                    "y": table.obsm["spatial"][:, 1],
                    "measured": np.asarray(table.layers["observed"]).ravel(),
                    "predicted": np.asarray(table.X).ravel(),
                }
            )
        )
    return pd.concat(parts), spatial, units.pop()
