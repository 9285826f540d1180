"""Fig. 2a: image, pathologist's labels, measured and predicted expression of a gene."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from stnet.analysis.choice import choose_gene
from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.core.printed import decimals
from stnet.core.tables import gene_name, read_table
from stnet.expression.pitch import spot_pitch
from stnet.expression.spatial import picture_of
from stnet.figures.prediction_map import draw_expression, value_range
from stnet.figures.spot_map import (
    colour_labels,
    draw_image,
    draw_key,
    draw_scale_bar,
    draw_spots,
    frame,
)
from stnet.figures.style import (
    LABEL_COLOURS,
    PAGE_MM,
    annotate,
    new_figure,
    save,
    styled,
)

# Printed width of a map, and height of its colour bar.
MAP_MM, BAR_MM = 40, 13


@dataclass(frozen=True)
class Example:
    """One patient's section, as a row of Fig. 2a.

    Attributes:
        patient: id of the patient.
        section: id of the section drawn.
        r: Pearson's correlation of the gene in the patient, over the spots of all its sections.
        rank: the patient's place by `r`, 1 for the highest.
        n_ranked: number of patients with an r.
        spots: one row per spot: `x`, `y` (full-resolution pixels), `label` ("tumour", "normal" or
            missing), `measured` and `predicted`.
        image: the whole section, reduced; None without an image.
        downsample: full-resolution pixels per pixel of `image`.
        um_per_px: micrometres per full-resolution pixel.
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
    """Draw Fig. 2a.

    Args:
        predictions: files of all held-out groups.
        gene_performance: table, to choose the gene.
        patient_performance: table, to rank the patients.
        figures: files to write.
        gene: symbol or id; None takes the gene of the highest median r.
        patients: ids to show; empty takes the two in the middle of the ranking.

    Raises:
        InputError: a patient to show has no predictions.
    """
    chosen = choose_gene(read_table(gene_performance), gene)
    ranking = rank_patients(read_table(patient_performance), chosen["gene"])
    shown = choose_patients(ranking, patients)
    spots, spatial = _read_spots(predictions, chosen["gene"], shown)
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
    save(expression_maps(examples, gene_name(chosen)), figures)


def rank_patients(performance: pd.DataFrame, gene: str) -> pd.DataFrame:
    """The rows of a gene in the patient performance, by patient.

    The highest r comes first; patients without an r come last.
    """
    of_gene = performance[performance["gene"] == gene].set_index("patient")
    return of_gene.sort_values("pearson", ascending=False, kind="stable")


def choose_patients(ranking: pd.DataFrame, wanted: Sequence[str]) -> list[str]:
    """The `wanted` patients, or else the two in the middle of the ranking.

    Among 23 patients these are the 11th and 12th, as in the paper's caption of Fig. 2a. Patients
    without an r are taken only if no patient has one. Raises InputError for an unknown patient.
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
    """The section of a patient with the most labelled spots, then with the most spots."""
    sizes = spots.groupby("section", sort=False)["label"].agg(["count", "size"])
    return sizes.sort_values(["count", "size"], ascending=False, kind="stable").index[0]


@styled
def expression_maps(examples: Sequence[Example], gene: str) -> Figure:
    """One row per example: image, labels, measured and predicted expression of `gene`.

    Without any label there is no column for labels.
    """
    labels = pd.concat([example.spots["label"] for example in examples])
    titles = ["Image", "Measured", "Predicted"]
    if labels.isin(list(LABEL_COLOURS)).any():
        titles.insert(1, "Pathologist's labels")
    heights = [MAP_MM * _height_by_width(example) + BAR_MM for example in examples]
    figure = new_figure(PAGE_MM, 14 + sum(heights))
    ratios = {"height_ratios": heights}
    rows = figure.subplots(len(examples), len(titles), squeeze=False, gridspec_kw=ratios)
    figure.suptitle(gene, fontsize=8, fontstyle="italic")
    figure.supxlabel(
        "Colour: log expression, alike for both maps of a section (2nd to 98th percentile)",
        fontsize=7,
    )
    for axis, title in zip(rows[0], titles, strict=True):
        axis.set_title(title)
    for axes, example in zip(rows, examples, strict=True):
        _draw_example(axes, example)
    if len(titles) == 4:
        draw_key(rows[-1][1], colour_labels(labels)[1], counted=False)
    return figure


def _draw_example(axes: Sequence[Axes], example: Example) -> None:
    picture, *labels, measured, predicted = axes
    places = example.spots[["x", "y"]].to_numpy(dtype=float)
    pitch = spot_pitch(places)
    for axis in axes:
        frame(axis, places, pitch)
    rank = "" if np.isnan(example.r) else f"\n(rank {example.rank} of {example.n_ranked})"
    r = "undefined" if np.isnan(example.r) else decimals(example.r)
    picture.set_ylabel(f"Patient {example.patient}\nsection {example.section}\nr = {r}{rank}")
    if example.image is None:
        annotate(picture, "no image")
    else:
        draw_image(picture, example.image, example.downsample)
        frame(picture, places, pitch)
    if example.um_per_px > 0:
        draw_scale_bar(picture, example.um_per_px)
    known = example.spots["label"].isin(list(LABEL_COLOURS)).to_numpy()
    for axis in labels:
        if known.any():
            draw_spots(axis, places, pitch, facecolors=colour_labels(example.spots["label"])[0])
        else:
            annotate(axis, "no labels")
    drawn = {name: example.spots[name].to_numpy(dtype=float) for name in ("measured", "predicted")}
    limits, height_mm = value_range(*drawn.values()), MAP_MM * _height_by_width(example)
    for axis, (name, values) in zip((measured, predicted), drawn.items(), strict=True):
        draw_expression(axis, places, pitch, values, height_mm, limits, what=name)


def _height_by_width(example: Example) -> float:
    width, height = np.ptp(example.spots[["x", "y"]].to_numpy(dtype=float), axis=0)
    return (height + 1) / (width + 1)


def _read_spots(
    predictions: Sequence[str | Path], gene: str, patients: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, dict]]:
    """Read the patients' spots, and `uns["spatial"]` of their sections."""
    parts, spatial = [], {}
    for path in predictions:
        table = read_h5ad(path)
        if gene not in table.var_names:
            continue
        table = table[table.obs["patient"].astype(str).isin(patients).to_numpy(), gene]
        spatial |= table.uns["spatial"]
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
    return pd.concat(parts), spatial
