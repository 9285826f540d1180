"""Keep a whole slide only while it is in use: all slides together would fill the disk."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stnet.core.errors import InputError
from stnet.core.hashing import Hash, file_hash
from stnet.sources.gdc import download_file
from stnet.sources.mirror import check_mirror


@contextmanager
def slide_at_hand(
    row: Mapping[str, str], folder: str | Path, *, host: str, mirror: str | Path | None
) -> Iterator[Path]:
    """Yield the file of a row of the slide sheet: from the mirror, or downloaded and then deleted.

    A downloaded slide is deleted when the job ends, whether it succeeds or fails. Only a killed job
    leaves its files: the next job resumes a partial download and uses a complete one.

    Args:
        row: row of the slide sheet.
        folder: folder for downloaded slides. Each slide has a folder of its own in it, so that a
            job never removes the slide of another.
        host: host of the Genomic Data Commons, with scheme.
        mirror: folder with slides under their original names or as the GDC's client stores them,
            or None. Nothing in it is deleted.

    Raises:
        InputError: as `download_file`, or the mirror is not a folder or has another file.

    Source: ours.
    """
    check_mirror(mirror)
    if mirror is not None:
        local = Path(mirror, row["file"])
        if not local.is_file():
            local = Path(mirror, row["file_id"], row["file"])
        if local.is_file():
            if row["md5"] and file_hash(local, "md5") != Hash("md5", row["md5"]):
                raise InputError(
                    f"{local}: md5 is not {row['md5']}, so it is not the sheet's slide; remove it"
                    " from the mirror to have it downloaded"
                )
            yield local
            return
    path = Path(folder, row["file_id"], row["file"])
    size = int(row["size"]) if row["size"] else None
    try:
        download_file(host, row["file_id"], path, md5=row["md5"], size=size)
        yield path
    finally:
        # The slide and any part file.
        shutil.rmtree(path.parent, ignore_errors=True)
