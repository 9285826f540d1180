"""Download the gene sets of all pathways from Reactome."""

from pathlib import Path

from stnet.core.checksums import recorded_path
from stnet.core.hashing import file_sha256
from stnet.expression.gene_sets import read_gene_sets, unpacked
from stnet.sources.download import download
from stnet.sources.lock import Fingerprint, hold_to_lock

NAME = "ReactomePathways.gmt.zip"


def download_pathways(path: str | Path, *, host: str, lock: str | Path) -> None:
    """Download the gene sets of Reactome's current release, which changes every few months.

    Reactome publishes no hash. The first download is recorded in the lock file; later downloads
    must match it. A mismatch means a new release rather than a damaged file, so there is no retry.

    Args:
        path: output, a GMT file.
        host: host of Reactome, with scheme.
        lock: lock file of gene sets.

    Raises:
        InputError: the address does not answer, the file is not an archive of gene sets, or the
            lock file has another release. `path` stays as it was.

    Source: ours.
    """
    with recorded_path(path) as temporary:
        archive = temporary.with_name(NAME)
        url = f"{host}/download/current/{NAME}"
        download(url, archive, expected=None, size=None, check=read_gene_sets)
        found = Fingerprint(archive.stat().st_size, file_sha256(archive))
        hold_to_lock(lock, {NAME: found})
        temporary.write_bytes(unpacked(archive))
