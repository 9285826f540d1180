"""Download the ST cohort from Mendeley Data.

Version 5 of dataset 29ntw7sh4r is flat: `metadata.csv`, and four files per section. Only
`metadata.csv` says which files belong together (such as image `HE_BT23287_C1.jpg` and counts
`BC23287_C1_stdata.tsv.gz`).
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stnet.core.checksums import check_record, recorded_path
from stnet.core.errors import InputError
from stnet.core.hashing import Hash
from stnet.core.tsv import columns_of, rows_of
from stnet.sources.http import ask_json
from stnet.sources.lock import Fingerprint, check_lock, hold_to_lock
from stnet.sources.mirror import obtain

METADATA = "metadata.csv"
# Columns of metadata.csv by column of the section sheet. Small files come first: a job that fails
# loses its complete files and keeps only the part file of the last one.
KINDS = {
    "labels": "tumor_annotation",
    "spots": "spot_coordinates",
    "counts": "count_matrix",
    "image": "histology_image",
}
LISTING_COLUMNS = ["patient", "replicate", "kind", "name", "size", "sha256", "url"]


class RemoteFile(NamedTuple):
    """A distributed file: name, length in bytes and hash, and address."""

    name: str
    fingerprint: Fingerprint
    url: str


def write_listing(
    listing: str | Path,
    metadata: str | Path,
    *,
    host: str,
    dataset: str,
    version: int,
    lock: str | Path,
    mirror: str | Path | None = None,
) -> None:
    """List the files of each section of a published dataset.

    Args:
        listing: output, TSV with one row per file: `patient replicate kind name size sha256 url`,
            patient and replicate as in `metadata.csv`, kind a key of `KINDS`.
        metadata: output, the dataset's own `metadata.csv`, verified.
        host: host of Mendeley Data, with scheme.
        dataset: id of the dataset.
        version: published version of the dataset.
        lock: lock file of the dataset; created if missing.
        mirror: folder with the dataset's files under their original names, or None.

    Raises:
        InputError: a file is not in the dataset or not the locked one, or the address does not
            answer.

    Source: ours; the protocol is Mendeley Data's.
    """
    files = _published_files(host, dataset, version)
    hold_to_lock(lock, {name: file.fingerprint for name, file in files.items()})
    where = f"dataset {dataset} version {version}"
    if METADATA not in files:
        raise InputError(f"{where}: has no {METADATA}; correct the cohort's dataset or version")
    _obtain(files[METADATA], metadata, mirror)
    rows = []
    for row in _read_metadata(metadata):
        for kind, column in KINDS.items():
            file = files.get(row[column])
            if file is None:
                raise InputError(
                    f"{where}: no file {row[column]!r}, which {METADATA} names as {kind} of patient"
                    f" {row['patient']}, replicate {row['replicate']}; correct the cohort's version"
                )
            cells = [row["patient"], row["replicate"], kind, file.name]
            rows.append([*cells, *file.fingerprint, file.url])
    with recorded_path(listing) as temporary, open(temporary, "w", newline="") as output:
        writer = csv.writer(output, delimiter="\t", lineterminator="\n")
        writer.writerow(LISTING_COLUMNS)
        writer.writerows(rows)


def download_section(
    listing: str | Path,
    patient: str,
    section: str,
    outputs: Mapping[str, str | Path],
    *,
    lock: str | Path,
    mirror: str | Path | None = None,
) -> None:
    """Download the files of one section, each verified by its hash in the listing.

    Args:
        listing: TSV written by `write_listing`.
        patient: patient in the section sheet.
        section: section in the section sheet.
        outputs: path of each kind of file (keys of `KINDS`).
        lock: lock file of the dataset.
        mirror: folder with the dataset's files under their original names. Files that are not in it
            are downloaded. None downloads all.

    Raises:
        InputError: an address or file gives the wrong bytes, or the listing does not have exactly
            one set of files for the section.

    Source: ours.
    """
    files = section_files(listing, patient, section)
    check_lock(lock, {file.name: file.fingerprint for file in files.values()})
    for kind in KINDS:
        _obtain(files[kind], outputs[kind], mirror)


def section_files(listing: str | Path, patient: str, section: str) -> dict[str, RemoteFile]:
    """Files of a section of the section sheet, by kind.

    Patients are matched by the number in the id, because the letters before it are BC in some
    places and BT in others. Sections are matched by that number and the replicate, which follows
    the patient in the section's id (`BC23287_C1` is C1 of patient BC23287). Raises InputError
    naming the section if the listing does not have exactly one set of files for it, or is damaged.

    Source: ours.
    """
    check_record(listing)
    key = (_number(patient), section.removeprefix(f"{patient}_"))
    with open(listing, newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file, delimiter="\t")
            if (_number(row["patient"]), row["replicate"]) == key
        ]
    if sorted(row["kind"] for row in rows) != sorted(KINDS):
        raise InputError(
            f"{listing}: {len(rows)} files for section {section} of patient {patient}, not"
            f" {len(KINDS)}; correct the section sheet (a section is called PATIENT_REPLICATE)"
        )
    return {
        row["kind"]: RemoteFile(
            row["name"], Fingerprint(int(row["size"]), row["sha256"]), row["url"]
        )
        for row in rows
    }


def _number(patient: str) -> str:
    """Digits of a patient id, or the id itself if it has none."""
    found = re.search(r"\d+", patient)
    return found.group() if found else patient


def _read_metadata(path: str | Path) -> list[dict[str, str]]:
    needed = ["patient", "replicate", *KINDS.values()]
    with open(path, encoding="utf-8-sig") as file:
        rows = list(rows_of(file, path, ","))
    header, rows = columns_of(path, rows, needed, ",", padded=True, hint="check the version")
    return [dict(zip(header, cells, strict=True)) for _, cells in rows]


def _published_files(host: str, dataset: str, version: int) -> dict[str, RemoteFile]:
    url = f"{host}/public-api/datasets/{dataset}/files?folder_id=root&version={version}"
    files: dict[str, RemoteFile] = {}
    for entry in ask_json(url, list):
        try:
            name, content = entry["filename"], entry["content_details"]
            file = RemoteFile(
                name,
                Fingerprint(int(content["size"]), content["sha256_hash"].lower()),
                content["download_url"],
            )
        except (KeyError, TypeError, AttributeError):
            raise InputError(
                f"{url}: an entry without name, size, hash or address: {str(entry)[:100]}"
            ) from None
        if files.setdefault(name, file) != file:
            raise InputError(f"{url}: two different files named {name}")
    return files


def _obtain(file: RemoteFile, path: str | Path, mirror: str | Path | None) -> None:
    size, sha256 = file.fingerprint
    obtain(
        file.name,
        file.url,
        path,
        expected=Hash("sha256", sha256),
        size=size,
        mirror=mirror,
    )
