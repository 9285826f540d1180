"""Write a simulated section's files in the layout of version 5 of the ST cohort."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stnet.core.checksums import recorded_path
from stnet.simulation.counts import draw_counts, expected_counts, log_depth, simulate_genes
from stnet.simulation.fields import simulate_tissue, stream
from stnet.simulation.histology import draw

# A spot is labelled tumour if tumour covers more than this share of it and its neighbours.
TUMOUR_SHARE = 0.4
WITHOUT_COUNTS, WITHOUT_LABEL = 1, 2


def write_section(
    image: str | Path,
    counts: str | Path,
    spots: str | Path,
    labels: str | Path,
    *,
    section: str,
    patient: str,
    seed: int,
    content: Mapping[str, bool],
) -> None:
    """Simulate a section and write its files; the same arguments give the same bytes.

    Args:
        image: output, JPEG.
        counts: output, TSV of spots x genes: all spots of the array except one under tissue, genes
            with a count in the section.
        spots: output, CSV of X and Y in pixels of the spots under tissue.
        labels: output, labels of all but two spots under tissue, with four header names for five
            columns, CR line endings and some non-integer coordinates.
        section: id of the section, which begins with the patient's id and an underscore.
        patient: id of the patient; its sections share stain, scanner and depth.
        seed: seed of the cohort.
        content: `all_tumour` and `controls` of `simulate_tissue`.

    Raises:
        InputError: a file cannot be written.

    Source: ours; the format is that of Mendeley Data 29ntw7sh4r, version 5.
    """
    tissue, table = simulate_tissue(seed, patient, section, **content)
    genes = simulate_genes(seed, controls=content["controls"])
    expected = expected_counts(genes, table, log_depth(seed, patient, table))
    drawn = draw_counts(stream(seed, "counts", section), expected)
    drawn = pd.DataFrame(drawn, index=table.index, columns=genes["gene"].to_list())
    covered = table[table["under_tissue"]]
    rng = stream(seed, "losses", section)
    drawn = drawn.drop(rng.choice(covered.index, WITHOUT_COUNTS, replace=False))
    drawn = drawn.loc[:, drawn.any()]
    labelled = covered.drop(rng.choice(covered.index, WITHOUT_LABEL, replace=False))

    _write_gzip(counts, drawn.to_csv(sep="\t", lineterminator="\n"))
    pixels = covered[["x", "y"]].set_axis(["X", "Y"], axis=1).round(2)
    _write_gzip(spots, pixels.to_csv(lineterminator="\n"))
    _write_gzip(labels, _labels(rng, labelled, section.removeprefix(f"{patient}_")))
    with recorded_path(image) as temporary:
        Image.fromarray(draw(seed, patient, section, tissue)).save(temporary, quality=90)


def _labels(rng: np.random.Generator, spots: pd.DataFrame, replicate: str) -> str:
    """Text of the label file."""
    lines = ["spot\tx\ty\tlabel"]
    shifts = rng.uniform(-0.3, 0.3, (len(spots), 2)).round(2) * (rng.random((len(spots), 1)) < 0.2)
    for spot, shift in zip(spots.itertuples(), shifts.tolist(), strict=True):
        x, y = f"{spot.array_col + shift[0]:g}", f"{spot.array_row + shift[1]:g}"
        tumour = spot.tumour_around > TUMOUR_SHARE
        lines.append(
            f"{replicate}_{x}_{y}\t{x}\t{y}\t{int(tumour)}\t{'tumor' if tumour else 'non'}"
        )
    return "\r".join([*lines, ""])


def _write_gzip(path: str | Path, text: str) -> None:
    # No file name and no time in the header, so that the bytes depend on the text alone.
    with (
        recorded_path(path) as temporary,
        open(temporary, "wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
    ):
        packed.write(text.encode())
