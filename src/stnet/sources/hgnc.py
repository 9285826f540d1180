"""Getting the gene table from HGNC."""

from pathlib import Path

from stnet.core.hashing import Hash, file_sha256
from stnet.expression.genes import read_gene_table
from stnet.sources.download import download
from stnet.sources.http import DEFAULT_PATIENCE, Patience
from stnet.sources.lock import Fingerprint, hold_to_lock, read_lock


def download_gene_table(
    path: str | Path, *, url: str, lock: str | Path, patience: Patience = DEFAULT_PATIENCE
) -> None:
    """Get a dated archive of HGNC's complete set, which never changes under its name.

    HGNC publishes no hash: the first download goes into the lock, later ones must agree with it.

    Args:
        path: output, the table.
        url: the archive's address; the last part of it is its name in the lock.
        lock: the lock of gene tables.
        patience: how often and how long to try.

    Raises:
        InputError: naming the address that does not answer, or the table that is not one or not
            the locked one. `path` is as it was then.

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
        patience=patience,
    )
    hold_to_lock(lock, {name: Fingerprint(path.stat().st_size, file_sha256(path))})
