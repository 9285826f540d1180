"""Write the slide sheet of a project from the listings of the Genomic Data Commons (GDC)."""

import csv
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from stnet.config.section_sheet import is_group_id
from stnet.config.slide_sheet import COLUMNS, check_slides
from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError, first_of
from stnet.sources.gdc import list_entries

logger = logging.getLogger(__name__)

TUMOUR = "Primary Tumor"
OPEN_TUMOURS = {"access": "open", "cases.samples.sample_type": TUMOUR}
# Frozen sections; paraffin sections are "Diagnostic Slide" (Methods, "TCGA analysis").
SLIDES = {"data_type": "Slide Image", "experimental_strategy": "Tissue Slide"}
EXPRESSION = {
    "data_type": "Gene Expression Quantification",
    "analysis.workflow_type": "STAR - Counts",
}
FILE_FIELDS = [
    "file_name",
    "md5sum",
    "file_size",
    "cases.submitter_id",
    "cases.samples.submitter_id",
    "cases.samples.sample_type",
]
CASE_FIELDS = [
    "submitter_id",
    "diagnoses.primary_diagnosis",
    "diagnoses.morphology",
    "diagnoses.diagnosis_is_primary_disease",
]


def write_slide_sheet(path: str | Path, *, host: str, project: str) -> None:
    """Write the slide sheet of a project: its open frozen slides of primary tumours.

    A slide has the STAR table of its sample and the histology of its patient, if the GDC has them.
    The log lists slides that are left out, samples with several tables, and patients by histology.

    - A slide of several samples is assigned to the first sample with expression, or else to the
      first sample. A slide of several patients is left out, because its tiles cannot be assigned.
    - If a sample has several STAR tables (it was sequenced more than once), the first by file id is
      taken. This choice does not depend on the content.
    - Diagnoses marked as another disease than the project's do not count for the histology.

    Args:
        path: output, a sheet for `read_slide_sheet`, sorted by slide. The order of the listing does
            not matter; an unchanged sheet is not written again.
        host: host of the GDC's API, with scheme.
        project: id of the project, such as `TCGA-BRCA`.

    Raises:
        InputError: the address does not answer, an entry is malformed, or the project has no such
            slides. `path` stays as it was.

    Source: Methods, "TCGA analysis"; ours where the paper does not say.
    """
    path, of_project = Path(path), {"cases.project.project_id": project} | OPEN_TUMOURS

    def files(kind: Mapping[str, str]) -> list[_File]:
        entries = list_entries(host, "files", filters=of_project | kind, fields=FILE_FIELDS)
        return [_file(entry, host) for entry in entries]

    slides = files(SLIDES)
    expression = _by_sample(files(EXPRESSION), path)
    cases = list_entries(
        host,
        "cases",
        filters={"project.project_id": project},
        fields=CASE_FIELDS,
    )
    names = _morphology(cases, host)
    histology = {patient: ";".join(sorted(codes)) for patient, codes in names.items()}
    rows = _rows(slides, expression, histology, path)
    if not rows:
        raise InputError(
            f"{host}: no open frozen slide of a primary tumour in project {project}; correct the"
            " source's project"
        )
    check_slides(dict(enumerate(rows, start=2)), f"{host}, project {project}, to be {path}")
    _log_patients(rows, names, path)
    sheet = StringIO()
    writer = csv.DictWriter(sheet, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = sheet.getvalue().encode()
    if not path.is_file() or path.read_bytes() != content:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)


class _File(NamedTuple):
    """A file of the GDC. `tumours` maps its primary-tumour samples to their patients."""

    file_id: str
    name: str
    md5: str
    size: str
    tumours: dict[str, str]


def _file(entry: dict, host: str) -> _File:
    try:
        tumours = {
            sample["submitter_id"]: case["submitter_id"]
            for case in entry["cases"]
            for sample in case["samples"]
            if sample["sample_type"] == TUMOUR
        }
        md5, size = entry.get("md5sum") or "", entry.get("file_size") or ""
        return _File(entry["file_id"], entry["file_name"], md5.lower(), str(size), tumours)
    except (KeyError, TypeError, AttributeError):
        raise InputError(
            f"{host}/files: an entry without name, patient or sample: {str(entry)[:100]}"
        ) from None


def _by_sample(files: Sequence[_File], path: Path) -> dict[str, _File]:
    """The STAR table of each sample."""
    by_sample: dict[str, _File] = {}
    several, unassigned = set(), []
    for file in files:
        if len(set(file.tumours.values())) != 1:
            unassigned.append(file.file_id)
            continue
        several |= file.tumours.keys() & by_sample.keys()
        for sample in file.tumours:
            by_sample.setdefault(sample, file)
    _log_names(path, "STAR tables left out (no primary tumour, or several patients)", unassigned)
    _log_names(path, "samples with several STAR tables (the first is taken)", sorted(several))
    return by_sample


def _rows(
    slides: Sequence[_File],
    expression: Mapping[str, _File],
    histology: Mapping[str, str],
    path: Path,
) -> list[dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    invalid, repeated, unassigned, several = [], [], [], []
    for file in slides:
        slide = Path(file.name).stem
        if not is_group_id(file.name):
            invalid.append(file.name)
        elif slide in rows:
            repeated.append(file.name)
        elif len(set(file.tumours.values())) != 1:
            unassigned.append(file.name)
        else:
            if len(file.tumours) > 1:
                several.append(file.name)
            sample = min(file.tumours, key=lambda sample: (sample not in expression, sample))
            patient, table = file.tumours[sample], expression.get(sample)
            rows[slide] = {
                "patient": patient,
                "sample": sample,
                "slide": slide,
                "file": file.name,
                "file_id": file.file_id,
                "md5": file.md5,
                "size": file.size,
                "histology": histology.get(patient, ""),
                "expression": table.file_id if table else "",
                "expression_md5": table.md5 if table else "",
                "expression_size": table.size if table else "",
            }
    bare = sorted({row["sample"] for row in rows.values() if not row["expression"]})
    _log_names(path, "slides left out (name is not an id)", invalid)
    _log_names(path, "slides left out (repeated name)", repeated)
    _log_names(path, "slides left out (no primary tumour, or several patients)", unassigned)
    _log_names(path, "slides of several samples (each assigned to one)", several)
    _log_names(path, "samples without a STAR table", bare)
    return [rows[slide] for slide in sorted(rows)]


def _morphology(cases: Sequence[dict], host: str) -> dict[str, dict[str, str]]:
    """ICD-O-3 morphology codes of each patient's disease, with their names."""
    try:
        return {
            case["submitter_id"]: {
                diagnosis["morphology"]: diagnosis.get("primary_diagnosis") or ""
                for diagnosis in case.get("diagnoses") or []
                # Newer releases also list former and second cancers; the flag is text or boolean.
                if str(diagnosis.get("diagnosis_is_primary_disease")).lower() != "false"
                and re.fullmatch(r"\d{4}/\d", diagnosis.get("morphology") or "")
            }
            for case in cases
        }
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{host}/cases: an entry without patient or diagnoses") from None


def _log_patients(
    rows: Sequence[dict[str, str]], morphology: Mapping[str, dict[str, str]], path: Path
) -> None:
    names = {code: name for codes in morphology.values() for code, name in codes.items()}
    patients = {row["patient"]: row["histology"] for row in rows}
    logger.info(f"{path}: {len(rows)} slides of {len(patients)} patients")
    counts = Counter(patients.values())
    for codes, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        known = "; ".join(f"{code} {names[code]}" for code in codes.split(";") if code)
        logger.info(f"{path}: {count} patients: {known or 'no histology'}")


def _log_names(path: Path, what: str, names: Sequence[str]) -> None:
    if names:
        logger.info(f"{path}: {len(names)} {what}: {first_of(names)}")
