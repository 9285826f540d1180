"""Simulate a Visium section: the planted genes of the simulated cohort on another platform."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse

from stnet.cohorts.tenx_matrix import GENE
from stnet.cohorts.visium import POSITION_COLUMNS, THEORETICAL_SPOT_UM
from stnet.config.space_ranger import POSITIONS
from stnet.core.checksums import recorded_path
from stnet.core.errors import InputError
from stnet.simulation.counts import draw_counts, expected_counts, log_depth, simulate_genes
from stnet.simulation.fields import (
    CELL,
    PITCH,
    Tissue,
    composition,
    outline,
    square_mean,
    stream,
    turned,
)
from stnet.simulation.histology import draw

# Images are drawn at the scale of the other sections and enlarged, to 0.67 µm per pixel.
UM_PER_PX, ENLARGED = 200 / PITCH, 2
SPOT_PITCH, SPOT = 100 / UM_PER_PX, 55 / UM_PER_PX
ROWS, COLUMNS = 28, 22
SPOTS_IN_TISSUE = 350
# Half axes of the tissue, in pixels of the drawing. They differ, so that the orientation shows.
HALF_WIDTH, HALF_HEIGHT = 580.0, 870.0
# Glass around the array, for the slide's fiducial frame.
FRAME = 1.2 * SPOT_PITCH
# Log ratio of Visium's depth per spot to that of the other sections.
DEEPER = np.log(4.0)
# Numbers of high-mean genes that are not measured, have another Ensembl id, or have another
# Ensembl id and an alias as name.
LOST, RENUMBERED, RENAMED = 4, 4, 3
# One in this many of the other genes is not measured.
LOST_MINOR = 10
HIGH_MEAN = 4.0


def write_visium(
    image: str | Path,
    counts: str | Path,
    spots_folder: str | Path,
    *,
    section: str,
    patient: str,
    seed: int,
    version: int,
) -> None:
    """Simulate a Visium section and write its files; the same arguments give the same bytes.

    Args:
        image: output, JPEG of quality 90 or plain TIFF, by suffix.
        counts: output in 10x's HDF5 layout: spots under tissue, genes of `visium_genes`.
        spots_folder: output, Space Ranger's `spatial` folder with positions and scale factors.
        section: id of the section.
        patient: id of the patient; its sections share stain, scanner and depth.
        seed: seed of the cohort whose genes are planted.
        version: version of Space Ranger, 1 or 2; they differ in the name and header of the
            positions.

    Raises:
        InputError: unknown version.

    Source: ours; the formats are 10x's.
    """
    if version not in (1, 2):
        raise InputError(f"section {section}: Space Ranger {version!r} is not 1 or 2; correct it")
    tissue, spots = simulate_array(seed, patient, section)
    genes = visium_genes(seed)
    depth = log_depth(seed, patient, spots) + DEEPER
    expected = expected_counts(simulate_genes(seed), spots, depth)
    expected = expected[spots["under_tissue"]][:, genes.index]
    drawn = draw_counts(stream(seed, "counts", section), expected)
    _write_matrix(counts, drawn, spots.index[spots["under_tissue"]], genes)
    _write_positions(Path(spots_folder), spots, version)
    picture = Image.fromarray(draw(seed, patient, section, tissue))
    sides = [side * ENLARGED for side in picture.size]
    scales = {
        "spot_diameter_fullres": THEORETICAL_SPOT_UM / UM_PER_PX * ENLARGED,
        "tissue_hires_scalef": 2000 / max(sides),
        "tissue_lowres_scalef": 600 / max(sides),
    }
    with recorded_path(Path(spots_folder, "scalefactors_json.json")) as temporary:
        temporary.write_text(json.dumps(scales))
    with recorded_path(image) as temporary:
        picture.resize(sides, Image.Resampling.BICUBIC).save(temporary, quality=90)


def simulate_array(seed: int, patient: str, section: str) -> tuple[Tissue, pd.DataFrame]:
    """Draw a section's tissue and the array of spots on it, as `simulate_tissue` does.

    Returns:
        The tissue, and a table of all spots of the array, indexed by barcode: array_col, array_row
        (integers), x, y (pixels of the drawing, float), under_tissue; tumour, stroma, fat, immune,
        depth (means over the spot).

    Source: ours.
    """
    rng = stream(seed, "visium", section)
    spots = _array(seed)
    x, y = turned(rng, *spots[["x", "y"]].to_numpy().T)
    around = outline(rng, 1.0)

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        # Exact only along the axes, approximate elsewhere.
        return around(x / HALF_WIDTH, y / HALF_HEIGHT) * (HALF_WIDTH + HALF_HEIGHT) / 2

    depth_inside = inside(x, y)
    edge = np.partition(depth_inside, -SPOTS_IN_TISSUE)[-SPOTS_IN_TISSUE]
    spots["under_tissue"] = depth_inside >= edge
    # A square image, so that spots stay on it with x and y exchanged.
    half = max(np.abs(x).max(), np.abs(y).max()) + FRAME
    side = int(2 * half)
    rows, columns = np.mgrid[: -(-side // CELL), : -(-side // CELL)] * CELL + CELL / 2
    inside_edge = inside(columns - half, rows - half) - edge + 0.4 * SPOT_PITCH
    fields = composition(rng, stream(seed, "composition", patient), rows.shape)
    spots["x"], spots["y"] = x + half, y + half
    for name, field in fields.items():
        spots[name] = square_mean(field, spots, SPOT)
    return Tissue((side, side), inside_edge.astype(np.float32), **fields), spots


def visium_genes(seed: int) -> pd.DataFrame:
    """Genes of the simulated Visium sections, indexed by their rows in `simulate_genes`.

    Ambiguous and some other genes are missing. A few high-mean genes have another Ensembl id, and
    some of these have an alias of `genes.tsv` as name.

    Returns:
        Columns id (Ensembl) and name.

    Source: ours.
    """
    genes = simulate_genes(seed)
    rng = stream(seed, "visium genes")
    genes = genes[genes["symbol"] != ""]
    table = genes[["gene", "symbol"]].set_axis(["id", "name"], axis=1)
    high = genes["mean"] >= HIGH_MEAN
    # High-mean genes in the cohort's gene table, and those with an alias there.
    named = genes.index[high & (genes.index % 100 != 99)]
    with_alias = named[named % 10 == 0]
    renamed = rng.permutation(with_alias)[:RENAMED]
    others = rng.permutation(named.difference(with_alias))
    renumbered, lost = others[:RENUMBERED], others[RENUMBERED : RENUMBERED + LOST]
    changed = [*renumbered, *renamed]
    table.loc[changed, "id"] = [f"ENSG{99_200_000_000 + row}" for row in changed]
    table.loc[renamed, "name"] += "A"
    lost_minor = rng.permutation(genes.index[~high])[: (~high).sum() // LOST_MINOR]
    return table.drop([*lost, *lost_minor])


def _array(seed: int) -> pd.DataFrame:
    """All spots around (0, 0), row by row, in every second column of each row."""
    row, place = (axis.ravel() for axis in np.mgrid[:ROWS, :COLUMNS])
    column = 2 * place + row % 2
    letters = stream(seed, "barcodes").choice(list("ACGT"), (len(row), 16))
    return pd.DataFrame(
        {
            "array_col": column,
            "array_row": row,
            "x": (column - column.mean()) * SPOT_PITCH / 2,
            "y": (row - row.mean()) * SPOT_PITCH * np.sqrt(0.75),
        },
        index=[f"{''.join(barcode)}-1" for barcode in letters],
    )


def _write_positions(folder: Path, spots: pd.DataFrame, version: int) -> None:
    pixels = (spots[["y", "x"]] * ENLARGED).round().astype(int).to_numpy()
    columns = [
        spots.index,
        spots["under_tissue"].astype(int),
        spots["array_row"],
        spots["array_col"],
    ]
    table = pd.DataFrame(dict(zip(POSITION_COLUMNS, [*columns, *pixels.T], strict=True)))
    with recorded_path(folder / POSITIONS[version == 1]) as temporary:
        table.to_csv(temporary, index=False, header=version == 2, lineterminator="\n")


def _write_matrix(
    path: str | Path, counts: np.ndarray, barcodes: pd.Index, genes: pd.DataFrame
) -> None:
    """Write `counts` (spots, genes) as features x barcodes by columns, barcodes sorted."""
    order = np.argsort(barcodes.to_numpy(dtype=str))
    # The file has features x barcodes by columns, which is spots x genes by rows.
    matrix = sparse.csr_matrix(counts[order])
    parts = {
        "barcodes": barcodes[order].to_numpy(dtype="S"),
        "data": matrix.data.astype(np.int32),
        "indices": matrix.indices.astype(np.int64),
        "indptr": matrix.indptr.astype(np.int64),
        "shape": np.array(matrix.shape[::-1], dtype=np.int32),
        "features/id": genes["id"].to_numpy(dtype="S"),
        "features/name": genes["name"].to_numpy(dtype="S"),
        "features/feature_type": np.array([GENE] * len(genes), dtype="S"),
        "features/genome": np.array(["simulated"] * len(genes), dtype="S"),
    }
    with recorded_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["filetype"] = "matrix"
        for name, values in parts.items():
            # Without times, so that the bytes depend on the content alone.
            file.create_dataset(
                f"matrix/{name}", data=values, compression="gzip", track_times=False
            )
