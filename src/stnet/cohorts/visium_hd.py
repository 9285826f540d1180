"""10x Visium HD: square bins without gaps, which are added up to spots of a chosen size.

Space Ranger's bins of 2, 8 and 16 µm are named by their size, row and column, and so are ours.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.text_tables import ARRAY, PIXELS, CountTable
from stnet.cohorts.visium import BIN, check_barcodes, read_files
from stnet.core.errors import InputError

# A spot is under tissue if at least this share of its bins is (ours).
LEAST_TISSUE = 0.5


def read(row: dict[str, str]) -> DistributedSection:
    """Read a section's bins of one size, a folder of Space Ranger's `binned_outputs`.

    `row` is the section's row of the sheet. Raises InputError as `stnet.cohorts.visium.read_files`
    and `check_barcodes`; for spots of Visium; and if the barcodes contradict the size of the bins
    in the scale factors, or the bins' rows and columns.
    """
    parts = read_files(row)
    names = parts.positions.index
    match = BIN.fullmatch(names[0])
    if not match:
        raise InputError(
            f"{row['spots']}: barcode {names[0]} is no bin of Visium HD; use format visium"
        )
    bin_um = float(match[1])
    if parts.bin_um not in (None, bin_um):
        raise InputError(
            f"{row['spots']}: bin_size_um is {parts.bin_um:g}, but its barcodes are of"
            f" {bin_um:g} µm, such as {names[0]}; name the files of one size of bins"
        )
    expected = bin_names(bin_um, *parts.positions[ARRAY[::-1]].to_numpy().T)
    differ = names.to_numpy() != np.array(expected, object)
    if differ.any():
        raise InputError(
            f"{row['spots']}: barcode {names[differ.argmax()]} is in the row and column of"
            f" {expected[differ.argmax()]}; download the positions again"
        )
    check_barcodes(row, parts)
    return replace(parts, bin_um=bin_um)


def bin_names(um: float, rows: np.ndarray, columns: np.ndarray) -> list[str]:
    """Barcodes of bins, as Space Ranger writes them."""
    start = f"s_{um:03.0f}um"
    return [
        f"{start}_{row:05d}_{column:05d}-1"
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def sum_bins(row: dict[str, str], bins: DistributedSection, um: float) -> DistributedSection:
    """Add bins up to spots of `um` x `um`, from the first row and column of the array on.

    A spot is under tissue if at least half of the bins that it has room for are, so that few spots
    at the array's edge are. Counts are those of its bins under tissue, so that a matrix of the
    whole array gives the same. Its position is the centre of its square, also if some of its bins
    are beyond the array.

    Args:
        row: the section's row of the sheet.
        bins: the section as read, with `bin_um`.
        um: side of a spot, which is the distance of their centres, in µm.

    Returns:
        The section with spots in place of bins, in the order of row and column.

    Raises:
        InputError: `um` is not a multiple of the bins' size.

    Source: ours.
    """
    side = round(um / bins.bin_um)
    if side < 1 or not np.isclose(side * bins.bin_um, um):
        raise InputError(
            f"section {row['section']}: spot_pitch_um is {um:g}, which is no multiple of the bins'"
            f" {bins.bin_um:g} µm in {row['spots']}; set it to {max(side, 1) * bins.bin_um:g}"
        )
    if side == 1:
        return bins
    table, selected = bins.positions, bins.positions["selected"].to_numpy()
    places = table[ARRAY].to_numpy() // side
    width = places[:, 0].max() + 1
    blocks, block = np.unique(places @ [1, width], return_inverse=True)
    array = np.column_stack([blocks % width, blocks // width])

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(block, values, len(blocks))

    size = sums(np.ones(len(table)))
    means = pd.DataFrame({name: sums(table[name].to_numpy()) / size for name in ARRAY + PIXELS})
    centred = table[ARRAY + PIXELS] - table[ARRAY + PIXELS].mean()
    step = np.linalg.lstsq(centred[ARRAY].to_numpy(), centred[PIXELS].to_numpy(), rcond=None)[0]
    # The centre of its square, where the mean of its bins is only if none is beyond the array.
    beyond = array * side + (side - 1) / 2 - means[ARRAY].to_numpy()
    pixels = means[PIXELS].to_numpy() + beyond @ step
    names = bin_names(um, array[:, 1], array[:, 0])
    positions = pd.DataFrame(
        {
            **dict(zip(ARRAY, array.T, strict=True)),
            **dict(zip(PIXELS, pixels.T, strict=True)),
            "selected": sums(selected) >= LEAST_TISSUE * side**2,
        },
        index=names,
    )
    at = table.index.get_indexer(bins.counts.spots)
    counted = np.flatnonzero(selected[at])
    counted_blocks, to = np.unique(block[at[counted]], return_inverse=True)
    add = sparse.csr_matrix(
        (np.ones(len(to), np.int32), (to, counted)), (len(counted_blocks), len(at))
    )
    counts = CountTable(
        [names[each] for each in counted_blocks],
        bins.counts.genes,
        add @ bins.counts.matrix,
        bins.counts.symbols,
    )
    said = bins.image_facts
    diameter = said.spot_diameter * side if said.spot_diameter else None
    return replace(
        bins,
        positions=positions,
        counts=counts,
        image_facts=replace(said, spot_diameter=diameter),
        bin_um=um,
    )
