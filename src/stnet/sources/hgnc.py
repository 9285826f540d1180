"""Download the gene table from HGNC."""

from pathlib import Path

from stnet.core.hashing import Hash, file_sha256
from stnet.expression.genes import read_gene_table
from stnet.sources.download import download
from stnet.sources.lock import Fingerprint, hold_to_lock, read_lock


def download_gene_table(path: str | Path, *, url: str, lock: str | Path) -> None:
    """Download a dated archive of HGNC's complete set, which never changes under its name.

    HGNC publishes no hash. The first download is recorded in the lock file; later downloads must
    match it.

    Args:
        path: output, the table.
        url: address of the archive; its last part is the name in the lock file.
        lock: lock file of gene tables.

    Raises:
        InputError: the address does not answer, or the file is not a gene table or not the locked
            one. `path` stays as it was.

    Source: ours.
    """
    path = Path(path)
    name = url.rpartition("/")[2]
    locked = read_lock(lock).get(name)
    download(
        url,
        path,
        expected=Hash("sha256", locked.sha256) if locked else None,
        size=locked.size if locked else None,
        check=read_gene_table,
    )
    hold_to_lock(lock, {name: Fingerprint(path.stat().st_size, file_sha256(path))})
