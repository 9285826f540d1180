"""Download the gene table from HGNC."""

from pathlib import Path

from stnet.expression.genes import read_gene_table
from stnet.sources.mirror import obtain_locked


def download_gene_table(path: str | Path, *, url: str, lock: str | Path) -> None:
    """Download a dated archive of HGNC's complete set, which never changes under its name.

    `url` is the address of the archive; its last part is the name in the lock file `lock`, to which
    later downloads are held (`obtain_locked`). Raises InputError if the address does not answer, or
    the file is not a gene table or not the locked one; `path` then stays as it was.
    """
    name = url.rpartition("/")[2]
    obtain_locked(name, url, path, lock=lock, mirror=None, check=read_gene_table)
