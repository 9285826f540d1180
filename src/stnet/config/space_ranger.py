"""Which files of Space Ranger a path of the user stands for.

Space Ranger gives a folder to each sample. Archives such as GEO have the files of all samples in
one folder, with the sample's name before the file's own, and often packed by gzip. Rules and
readers find the files here, so that both have the same.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from stnet.core.errors import InputError, first_of

# What `matrix_files` calls a matrix that is one file.
HDF5 = "hdf5"
# Cell Ranger 2 and earlier call the features genes.
FEATURES = ("features.tsv", "genes.tsv")
TRIPLET = ("matrix.mtx", "barcodes.tsv", *FEATURES)
# Since Space Ranger 2.0, with a header; before, without one; of Visium HD.
POSITIONS = ("tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.parquet")
SCALE_FACTORS = "scalefactors_json.json"
# Reduced copies of the image, each with its key in the scale factors.
PICTURES = {
    "tissue_hires_image.png": "tissue_hires_scalef",
    "tissue_lowres_image.png": "tissue_lowres_scalef",
}
MATRIX_HINT = "name Space Ranger's filtered_feature_bc_matrix, its .h5 or its folder"
SPATIAL_HINT = "name Space Ranger's folder spatial, or its file of positions"


def matrix_files(path: str | Path) -> dict[str, Path]:
    """The files of a matrix of counts, by their names without prefix and `.gz`.

    `path` is a file in 10x's HDF5 layout, which is returned as `HDF5`; a folder with a matrix in
    Matrix Market format, or with one such folder in it; or one file of such a matrix. Raises
    InputError if there is no such path, no complete matrix, or more than one; and for segmented
    cells.
    """
    path = Path(path)
    if path.is_file() and not _known(path, TRIPLET):
        _check_no_cells(path)
        return {HDF5: path}
    found = _sample(path, TRIPLET, ("matrix.mtx",), MATRIX_HINT)
    features = [name for name in FEATURES if name in found]
    if len(features) != 1 or "barcodes.tsv" not in found:
        known = " and ".join(str(file) for file in found.values())
        raise InputError(
            f"{path}: has {known}, but not one barcodes.tsv and one features.tsv beside them, with"
            f" the same name before it; {MATRIX_HINT}"
        )
    return found


def spatial_files(path: str | Path) -> dict[str, Path]:
    """The files about a section's spots, by their names without prefix and `.gz`.

    `path` is the folder `spatial`, or the one that it is in; or one of the files. There is at least
    one file of positions; scale factors and pictures may be missing. Raises InputError as
    `matrix_files`.
    """
    found = _sample(Path(path), (*POSITIONS, SCALE_FACTORS, *PICTURES), POSITIONS, SPATIAL_HINT)
    if not set(POSITIONS) & set(found):
        raise InputError(f"{path}: has no {' or '.join(POSITIONS)} beside it; {SPATIAL_HINT}")
    return found


def output_files(folder: str | Path) -> dict[str, str]:
    """The counts and spots of a folder that Space Ranger wrote, as a section sheet names them.

    Raises InputError if it is the whole output of Visium HD, which has several sizes of bins.
    """
    folder = Path(folder)
    if (folder / "binned_outputs").is_dir():
        raise InputError(
            f"{folder}: is from Visium HD; use format visium-hd and name the folder of a bin's size"
            f" in it, such as {folder / 'binned_outputs/square_008um'}"
        )
    matrix = folder / "filtered_feature_bc_matrix.h5"
    counts = matrix if matrix.is_file() else matrix.with_suffix("")
    return {"counts": str(counts), "spots": str(folder / "spatial")}


def _sample(path: Path, known: Sequence[str], marks: Sequence[str], hint: str) -> dict[str, Path]:
    """Files with a `known` name of the one sample at `path`, which has a file named as a mark."""
    _check_no_cells(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; correct its path")
    if path.is_file():
        named = _known(path, known)
        if not named:
            raise InputError(f"{path}: its name does not end with {' or '.join(marks)}; {hint}")
        return _of_prefix(path.parent, named[0], known, path)
    marked = _marked(path, known, marks)
    if not marked:
        folders = sorted(each for each in path.iterdir() if each.is_dir())
        marked = [file for folder in folders for file in _marked(folder, known, marks)]
    samples = sorted({(file.parent, _known(file, known)[0]) for file in marked})
    if not samples:
        raise InputError(f"{path}: has no {' or '.join(marks)}; {hint}")
    if len(samples) > 1:
        shown = first_of(file.relative_to(path) for file in marked)
        raise InputError(
            f"{path}: has {len(samples)} samples or matrices ({shown}); name the section's"
            " own file or folder"
        )
    return _of_prefix(*samples[0], known)


def _of_prefix(
    folder: Path, prefix: str, known: Sequence[str], named: Path | None = None
) -> dict[str, Path]:
    """Files of one sample. Of two, packed and not, the one that the user has `named` counts."""
    found: dict[str, Path] = {}
    for file, (other, name) in _files(folder, known):
        if other != prefix or (name in found and found[name] == named):
            continue
        if name in found and file != named:
            raise InputError(f"{folder}: has both {found[name].name} and {file.name}; remove one")
        found[name] = file
    return {name: found[name] for name in known if name in found}


def _marked(folder: Path, known: Sequence[str], marks: Sequence[str]) -> list[Path]:
    return [file for file, (_, name) in _files(folder, known) if name in marks]


def _files(folder: Path, known: Sequence[str]) -> Iterator[tuple[Path, tuple[str, str]]]:
    for file in sorted(folder.iterdir()):
        named = _known(file, known)
        # Archives made on a Mac have a hidden file beside each.
        if named and file.is_file() and not file.name.startswith("."):
            yield file, named


def _known(file: Path, known: Sequence[str]) -> tuple[str, str] | None:
    """A file's prefix and its name without prefix and `.gz`, or None if it has no known name."""
    names = "|".join(map(re.escape, known))
    match = re.fullmatch(rf"(.*?)({names})(\.gz)?", file.name)
    return (match[1], match[2]) if match else None


def _check_no_cells(path: Path) -> None:
    if "segmented_outputs" in path.parts or path.name.endswith("cell_matrix.h5"):
        raise InputError(
            f"{path}: is of segmented cells, which are not spots; use format visium-hd and name a"
            " folder of binned_outputs, such as square_008um"
        )
