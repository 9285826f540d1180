"""A whole slide at hand for as long as it is needed: slides are too many and too large to keep."""

import glob
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stnet.core.errors import InputError
from stnet.core.hashing import Hash, file_hash
from stnet.sources.gdc import download_file


@contextmanager
def slide_at_hand(
    row: Mapping[str, str], folder: str | Path, *, host: str, mirror: str | Path | None
) -> Iterator[Path]:
    """Yield the file of a row of the slide sheet: from the mirror, or downloaded and then deleted.

    Once the job has ended, in success or failure, nothing of it is left. Only of a job that was
    killed without a word is what came left behind: a download goes on where it stopped, and one
    that is whole is used.

    Args:
        row: of the slide sheet.
        folder: where slides in flight lie, of this job and none other.
        host: of the Genomic Data Commons, with scheme.
        mirror: folder with slides under their own names, or that the GDC's client downloaded them
            to, or None. Nothing in it is ever deleted.

    Raises:
        InputError: as `download_file`, or if the mirror is no folder or has another file.

    Source: ours.
    """
    if mirror is not None:
        if not Path(mirror).is_dir():
            raise InputError(f"mirror {mirror}: no such folder; correct or remove it")
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
    path = Path(folder, row["file"])
    size = int(row["size"]) if row["size"] else None
    try:
        download_file(host, row["file_id"], path, md5=row["md5"], size=size)
        yield path
    finally:
        # What came of it, too.
        for left in path.parent.glob(f"*{glob.escape(path.name)}*"):
            left.unlink(missing_ok=True)
