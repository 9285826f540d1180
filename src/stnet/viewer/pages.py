"""Pages to look at sections and slides, each a file that needs no server and no other file (ours).

A page has no text of the data but as base64, so that no name can be taken for markup.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

import anndata as ad
import numpy as np
import pandas as pd

from stnet.core.atomic import atomic_path
from stnet.core.h5ad import read_h5ad
from stnet.core.printed import unit_in_words
from stnet.core.tables import read_table
from stnet.evaluation.held_out import read_predictions
from stnet.expression.pitch import spot_pitch
from stnet.inference.account import account_of, intervals_of
from stnet.inference.reliable import doubt, read_with_reliability
from stnet.inference.wanted_genes import find_genes
from stnet.viewer.content import Shown, as_webp, known, packed, picture, region

FOLDER = Path(__file__).parent
# Bytes of a page. Chromium shows no data URI above 2 MiB in a frame, which is how Snakemake's
# report shows a page, and base64 needs 4 bytes for 3.
IN_REPORT, ALONE = 1_500_000, 6_000_000
# Longer side of the image in pixels.
SIDE_IN_REPORT, SIDE_ALONE = 680, 3000
ENTRY = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={0}">
<title>Sections</title>
<a href="{0}">Sections</a>
"""
# Of what a page has room for, this share may be values; the images have the rest.
VALUES = 0.6


def held_out_sections(
    predictions: Sequence[str | Path], gene_performance: str | Path, images: Mapping[str, str]
) -> list[Shown]:
    """The sections of all held-out groups of an experiment.

    `gene_performance` is its table, and `images` has image files by section; others have the
    picture of their predictions. Raises InputError if a file is damaged or missing.
    """
    spots = read_predictions(predictions)
    performance = read_table(gene_performance).set_index("gene")
    columns = ["consistent", "n_patients", "median_pearson"]
    spots.var[columns] = performance.reindex(spots.var_names)[columns]
    spots.var["consistent"] = spots.var["consistent"].eq(True)
    spots.uns["provenance"] = spots.uns["targets"]
    groups = [read_h5ad(path, backed=True).uns["spatial"] for path in predictions]
    found = []
    for section, rows in spots.obs.groupby("section", observed=True, sort=False).groups.items():
        spatial = [each[section] for each in groups if each.get(section, {}).get("images")]
        spatial += [each[section] for each in groups if section in each]
        about = f"{len(rows):,} spots"
        found.append(Shown(section, spots[rows], spatial[0], images.get(section), about))
    return found


def source_sections(
    predictions: Sequence[str | Path], reliability: str | Path, images: Mapping[str, str]
) -> list[Shown]:
    """The sections or slides of an external source.

    `reliability` is the model's table of gene reliability, `images` as for `held_out_sections`.
    Raises InputError if a file is damaged or missing.
    """
    return [_of_file(read_with_reliability(path, reliability), images) for path in predictions]


def write_pages(
    sections: Sequence[Shown],
    entry: str | Path,
    folder: str | Path,
    *,
    index: str | Path,
    genes: Sequence[str],
    title: str,
) -> None:
    """Write a page for each patient, for Snakemake's report.

    Args:
        sections: those to show.
        entry: page to write that leads to the first patient's.
        folder: to write the pages into, each called by its patient.
        index: the cohort's first page, which they link.
        genes: symbols or ids of genes to have first, if they are predicted.
        title: of what is shown.

    Raises:
        InputError: an image is damaged or missing.
    """
    pages: dict[str, list[Shown]] = {}
    for each in sorted(sections, key=lambda shown: shown.patient):
        pages.setdefault(each.patient, []).append(each)
    ordered = _ordered(sections[0].table, genes)
    home = quote(Path(relpath(index, folder)).as_posix())
    place = Path(relpath(folder, Path(index).parent)).as_posix()
    links = {each: quote(f"{each}.html") for each in pages if len(pages) > 1}
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for patient, of_patient in pages.items():
            name = f"{patient}.html"
            about = {"title": f"{patient}: {title}", "place": f"{place}/{name}"}
            about |= {"home": home, "links": links}
            _write(temporary / name, about, of_patient, ordered, (IN_REPORT, SIDE_IN_REPORT))
    first = quote(f"{Path(folder).name}/{next(iter(pages))}.html")
    with atomic_path(entry) as temporary:
        temporary.write_text(ENTRY.format(first))


def write_own_page(
    predictions: str | Path, image: str | Path, html: str | Path, *, genes: Sequence[str]
) -> None:
    """Write the page of a slide or section of your own.

    Args:
        predictions: its file of predictions.
        image: its image.
        html: page to write.
        genes: symbols or ids of genes to have first, if they are predicted.

    Raises:
        InputError: a file is damaged or missing.
    """
    table = read_with_reliability(predictions, None)
    shown = replace(_of_file(table, {}), image=image)
    title = "{0}: {experiment}/{model}".format(shown.name, **table.uns["provenance"])
    about = {"title": title, "home": "", "place": "", "links": {}}
    with atomic_path(html) as temporary:
        _write(temporary, about, [shown], _ordered(table, genes), (ALONE, SIDE_ALONE))


def _of_file(table: ad.AnnData, images: Mapping[str, str]) -> Shown:
    """What there is to look at in predictions of `predict_section` or `predict_slide`."""
    (name,) = table.uns["spatial"]
    account = account_of(table)
    about = account.predicted
    # Only `predict` asks for intervals.
    if table.uns["provenance"].get("level"):
        about += f". Intervals: {intervals_of(table)}"
    refused = [table.uns["refused"]] if table.uns.get("refused") else []
    warnings = [*refused, *account.warnings]
    return Shown(name, table, table.uns["spatial"][name], images.get(name), about, warnings)


def _ordered(table: ad.AnnData, wanted: Sequence[str]) -> pd.DataFrame:
    """Rows of `var`: wanted genes first, then those predicted best in held-out patients."""
    names = list(table.var[["symbol", "ensembl"]].itertuples(name=None))
    there = {name for alike in names for name in alike}
    first = find_genes([name for name in wanted if name in there], names, "")
    genes = table.var.sort_values(["consistent", "median_pearson"], ascending=False, kind="stable")
    return genes.reindex([*first, *genes.index.difference(first, sort=False)])


def _write(
    html: Path,
    about: Mapping[str, object],
    sections: Sequence[Shown],
    genes: pd.DataFrame,
    size: tuple[int, int],
) -> None:
    """Write a page of at most `size[0]` bytes, with images of at most `size[1]` pixels.

    `about` has its title, where it is below the folder of the first page (`place`), and links to
    that (`home`) and to the pages of other patients (`links`). They work only in this place.

    If the values of all genes need too much, the last ones are left out. Only a page that is too
    large with one gene, as of many bins of Visium HD, is larger.
    """
    library = (FOLDER / "openseadragon/openseadragon.min.js").read_bytes()
    parts = {"library": _zipped(library)}
    template = (FOLDER / "page.html").read_text("utf-8")
    room = size[0] - len(template) - len(parts["library"])
    provenance = sections[0].table.uns["provenance"]
    content = {
        **about,
        "unit": unit_in_words(provenance["transform"]),
        "level": float(provenance.get("level") or 0),
        "licence": (FOLDER / "openseadragon/LICENSE.txt").read_text("utf-8"),
        "library": library.split(b"\n", 1)[0].decode().strip("/! "),
        "all_genes": len(genes),
    }
    pitches = [_pitch(each) for each in sections]
    boxes = [region(each, pitch) for each, pitch in zip(sections, pitches, strict=True)]
    of_sections = [
        each.spots(pitch) | {"name": each.name, "box": [int(edge) for edge in box]}
        for each, pitch, box in zip(sections, pitches, boxes, strict=True)
    ]
    n_genes = len(genes)
    while True:
        shown = genes.iloc[:n_genes]
        content["genes"] = _genes(shown)
        content["sections"] = [
            found | {"layers": _layers(each, shown.index)}
            for found, each in zip(of_sections, sections, strict=True)
        ]
        parts["content"] = _zipped(json.dumps(content, allow_nan=False).encode())
        excess = len(parts["content"]) / (VALUES * room)
        if excess <= 1 or n_genes == 1:
            break
        n_genes = max(1, int(0.97 * n_genes / excess))
    # Images keep their share where even one gene needs more.
    room = max(room - len(parts["content"]), (1 - VALUES) * room) / len(sections)
    for number, (each, box) in enumerate(zip(sections, boxes, strict=True)):
        parts[f"picture-{number}"] = _fitted(each, box, size[1], room)
    hidden = "\n".join(f'<pre hidden id="{name}">{text}</pre>' for name, text in parts.items())
    html.write_text(template.replace("<!--content-->", hidden), encoding="utf-8")


def _pitch(shown: Shown) -> float:
    """Distance of neighbouring spots or tiles, in pixels; at least the width of a spot."""
    if shown.is_slide:
        return float(shown.table.uns["tiling"]["step"])
    width = float(shown.of_section["scalefactors"]["spot_diameter_fullres"])
    # The width may be missing.
    return float(np.fmax(width, spot_pitch(np.asarray(shown.table.obsm["spatial"], dtype=float))))


def _genes(genes: pd.DataFrame) -> list[dict]:
    """What a page says of genes, as JSON takes it."""
    rows = genes.assign(range_share=genes.get("range_share", np.nan)).iterrows()
    return [
        {
            "id": name,
            "name": gene["symbol"] or name,
            "r": known(round(gene["median_pearson"], 3)),
            "doubt": doubt(gene),
        }
        for name, gene in rows
    ]


def _layers(shown: Shown, genes: pd.Index) -> dict[str, dict]:
    """The values of a section by layer, for some genes."""
    columns = shown.table.var_names.get_indexer(genes)
    return {name: packed(values[:, columns]) for name, values in shown.layers().items()}


def _fitted(shown: Shown, box: tuple[int, int, int, int], side: int, room: float) -> str:
    """The image in base64: at most `side` pixels and `room` bytes, however small it gets."""
    found = picture(shown, box, side)
    while True:
        text = b64encode(as_webp(found)).decode()
        if len(text) <= room or max(found.size) < 100:
            return text
        shrink = 0.95 * (room / len(text)) ** 0.5
        found = found.resize(tuple(max(1, int(shrink * length)) for length in found.size))


def _zipped(content: bytes) -> str:
    return b64encode(gzip.compress(content, 9, mtime=0)).decode()
