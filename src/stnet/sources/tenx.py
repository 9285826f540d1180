"""Download the files of a Visium section from 10x Genomics."""

import gzip
import re
import tarfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from stnet.core.checksums import recorded_path
from stnet.core.errors import InputError, check_system
from stnet.sources.mirror import obtain_locked

CHUNK = 1 << 20  # bytes
ARCHIVE = "spatial.tar.gz"
# Small files come first: a job that fails loses its complete files and keeps only the part file of
# the last one.
FILES = {"archive": ARCHIVE, "counts": "filtered_feature_bc_matrix.h5", "image": "image.tif"}
# First bytes of each format, so that an error page does not go into the lock file: HDF5; TIFF and
# BigTIFF, little- and big-endian.
MAGIC = {
    "counts": (b"\x89HDF\r\n\x1a\n",),
    "image": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
# Members of the archive. Space Ranger 2.0 renamed the file of positions.
MEMBERS = {
    "positions": r"tissue_positions(_list)?\.csv",
    "scalefactors": r"scalefactors_json\.json",
}


def download_visium(
    outputs: Mapping[str, str | Path],
    *,
    host: str,
    dataset: str,
    lock: str | Path,
    mirror: str | Path | None = None,
) -> None:
    """Download the files of one Visium section, for which 10x publishes no hashes.

    Args:
        outputs: path of each file: `image` (TIFF), `counts` (HDF5), and from the section's archive
            `positions` (`tissue_positions_list.csv` or, with a header, `tissue_positions.csv`; the
            content is not changed) and `scalefactors` (JSON).
        host: host of 10x's downloads, with scheme.
        dataset: name of the section's dataset, such as `V1_Breast_Cancer_Block_A_Section_1`.
        lock: lock file of the cohort.
        mirror: folder with distributed files under their original names. Files that are not in it
            are downloaded. None downloads all.

    Raises:
        InputError: the address does not answer, or a file is of another format or not the locked
            one.

    Source: ours; the addresses are 10x's.
    """
    archive = Path(outputs["positions"]).with_name(f".{dataset}_{ARCHIVE}")
    paths = {"archive": archive, "counts": outputs["counts"], "image": outputs["image"]}
    try:
        for kind, suffix in FILES.items():
            name = f"{dataset}_{suffix}"
            url = f"{host}/samples/spatial-exp/1.1.0/{dataset}/{name}"
            check = partial(_check_magic, known=MAGIC[kind]) if kind in MAGIC else read_archive
            obtain_locked(name, url, paths[kind], lock=lock, mirror=mirror, check=check)
        for kind, content in read_archive(archive).items():
            with recorded_path(outputs[kind]) as temporary:
                temporary.write_bytes(content)
    finally:
        archive.unlink(missing_ok=True)


def read_archive(path: str | Path) -> dict[str, bytes]:
    """Content of the positions and scale factors in a section's archive, by key of `MEMBERS`.

    Only regular files with these names are read, in any folder of the archive. Nothing is unpacked
    to disk, so member names cannot choose where to write. Raises InputError naming the archive if
    it is damaged or truncated, or does not have exactly one file of each.

    Source: ours.
    """
    found: dict[str, bytes] = {}
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                kind = next((k for k, known in MEMBERS.items() if re.fullmatch(known, name)), "")
                if not kind or not member.isreg():
                    continue
                if kind in found:
                    raise InputError(f"{path}: several {kind} files, one of them {member.name!r}")
                found[kind] = archive.extractfile(member).read()
            while stream.read(CHUNK):  # read to the end, where the checksum is
                pass
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        check_system(error, path)
        raise InputError(
            f"{path}: not a complete tar.gz archive ({error}); download it again"
        ) from error
    for kind in MEMBERS:
        if kind not in found:
            raise InputError(f"{path}: no {kind} file in the archive; check the dataset")
    return found


def _check_magic(path: str | Path, known: tuple[bytes, ...]) -> None:
    with open(path, "rb") as file:
        begin = file.read(max(map(len, known)))
    if not begin.startswith(known):
        raise InputError(
            f"{path}: begins with {begin!r}, which is not its format; download it again"
        )
