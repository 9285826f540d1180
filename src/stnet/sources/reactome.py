"""Getting the gene sets of all pathways from Reactome."""

from pathlib import Path

from stnet.core.atomic import atomic_path
from stnet.core.hashing import file_sha256
from stnet.expression.gene_sets import read_gene_sets, unpacked
from stnet.sources.download import download
from stnet.sources.http import DEFAULT_PATIENCE, Patience
from stnet.sources.lock import Fingerprint, hold_to_lock

NAME = "ReactomePathways.gmt.zip"


def download_pathways(
    path: str | Path, *, host: str, lock: str | Path, patience: Patience = DEFAULT_PATIENCE
) -> None:
    """Get the gene sets of Reactome's current release, which is another one every few months.

    Reactome publishes no hash: the first download goes into the lock, later ones must agree with
    it. Other bytes are a later release rather than a mistake, so they are not asked for again.

    Args:
        path: output, a GMT file.
        host: of Reactome, with scheme.
        lock: the lock of gene sets.
        patience: how often and how long to try.

    Raises:
        InputError: naming the address that does not answer, what is no archive of gene sets, or
            the lock with another release. `path` is as it was then.

    Source: ours.
    """
    with atomic_path(path) as temporary:
        archive = temporary.with_name(NAME)
        url = f"{host}/download/current/{NAME}"
        download(url, archive, expected=None, size=None, check=read_gene_sets, patience=patience)
        found = Fingerprint(archive.stat().st_size, file_sha256(archive))
        hold_to_lock(lock, {NAME: found})
        temporary.write_bytes(unpacked(archive))
