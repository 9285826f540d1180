"""Simulate a project of the Genomic Data Commons: slides, bulk expression and diagnoses."""

import json
from pathlib import Path
from uuid import UUID

import pandas as pd

from stnet.core.atomic import atomic_path
from stnet.core.hashing import file_hash
from stnet.simulation.bulk import write_star
from stnet.simulation.fields import stream
from stnet.simulation.histology import draw
from stnet.simulation.slides import Scan, places, simulate_slide, write_slide

DIAGNOSES = {
    "8500/3": "Infiltrating duct carcinoma, NOS",
    "8520/3": "Lobular carcinoma, NOS",
    "8480/3": "Mucinous adenocarcinoma",
}
OTHER_PROJECT = "DEMO-OTHER"
# Special cases by the number of the patient. The last patient has another histology and no STAR
# table.
TWO_SLIDES = 2
SCANS = {
    3: Scan(enlarged=2),
    4: Scan(properties=("AppMag",)),
    5: Scan(properties=(), levels=(1,)),
    6: Scan(truncated=True),
}

SLIDE = {
    "data_type": "Slide Image",
    "data_format": "SVS",
    "experimental_strategy": "Tissue Slide",
}
STAR = {
    "data_type": "Gene Expression Quantification",
    "data_format": "TSV",
    "experimental_strategy": "RNA-Seq",
    "analysis": {"workflow_type": "STAR - Counts"},
}


def write_gdc(
    folder: str | Path, *, seed: int, patients: int = 30, project: str = "DEMO-BRCA"
) -> None:
    """Write a project's files and their listings.

    The same arguments give the same bytes. Patients alternate between ductal (8500/3) and lobular
    (8520/3); the last is mucinous (8480/3). Some files must not be used: a diagnostic slide, slide
    and expression of normal tissue, files of another project, and expression of another workflow.

    - `files.json`: a list of hits of the endpoint `files` with all their fields.
    - `cases.json`: likewise for `cases`.
    - `{file_id}/{file_name}`: the files, in the layout of the archive's own client. One slide is
      truncated at its source: its hash is that of the truncated file.

    Args:
        folder: output; `files.json` and `cases.json` are written last.
        seed: seed of the cohort whose genes, stains and tissues are shared.
        patients: number of patients.
        project: id of the project.

    Source: ours; shapes are those of the Genomic Data Commons.
    """
    archive = _Archive(Path(folder), seed)
    for number in range(1, patients + 1):
        patient = f"DEMO-A1-{number:04}"
        last = number == patients
        histology = "8480/3" if last else ("8520/3", "8500/3")[number % 2]
        archive.add_case(project, patient, histology)
        _add_patient(archive, project, patient, histology, number, has_bulk=not last)
    _add_decoys(archive, project)
    for name, listed in (("files", archive.files), ("cases", archive.cases)):
        with atomic_path(archive.folder / f"{name}.json") as temporary:
            temporary.write_text(json.dumps(listed, indent=2, sort_keys=True) + "\n")


class _Archive:
    """The folder and the listings of its files and cases."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.seed = folder, seed
        self.files: list[dict] = []
        self.cases: list[dict] = []

    def add_case(self, project: str, patient: str, morphology: str) -> None:
        """List a patient and its diagnosis, a key of `DIAGNOSES`."""
        diagnosis = {"primary_diagnosis": DIAGNOSES[morphology], "morphology": morphology}
        case = {
            "case_id": self.uuid("case", patient),
            "submitter_id": patient,
            "project": {"project_id": project},
            "diagnoses": [diagnosis],
        }
        self.cases.append({"id": case["case_id"], **case})

    def path(self, file_name: str) -> Path:
        """Where a file of this name lies: in the folder of its id, as the GDC's client saves it."""
        return self.folder / self.uuid("file", file_name) / file_name

    def add_file(
        self,
        file_name: str,
        kind: dict,
        project: str,
        sample: str,
        sample_type: str = "Primary Tumor",
    ) -> None:
        """List a file that has been written to `path(file_name)`.

        Args:
            file_name: without folder.
            kind: fields that say what the file is, such as `data_type`.
            project: id of the project.
            sample: barcode; the patient's is its beginning.
            sample_type: as the GDC words it.
        """
        path = self.path(file_name)
        case = {
            "submitter_id": sample[: len("DEMO-A1-0001")],
            "project": {"project_id": project},
            "samples": [{"submitter_id": sample, "sample_type": sample_type}],
        }
        hit = {
            "file_id": path.parent.name,
            "file_name": file_name,
            "md5sum": file_hash(path, "md5").hexdigest,
            "file_size": path.stat().st_size,
            "access": "open",
            "cases": [case],
        }
        self.files.append({"id": hit["file_id"], **hit, **kind})

    def uuid(self, *names: str) -> str:
        """An id that depends on the seed and `names` only."""
        return str(UUID(bytes=stream(self.seed, "uuid", *names).bytes(16), version=4))

    def slide_name(self, slide: str) -> str:
        """File name of a slide, as the GDC forms it from the barcode."""
        return f"{slide}.{self.uuid('slide', slide).upper()}.svs"

    def star_name(self, sample: str) -> str:
        """File name of a sample's counts, as the GDC forms it."""
        return f"{self.uuid('star', sample)}.rna_seq.augmented_star_gene_counts.tsv"


def _add_patient(
    archive: _Archive, project: str, patient: str, histology: str, number: int, *, has_bulk: bool
) -> None:
    sample = f"{patient}-01A"
    blocks = []
    for section in ("TS1", "BS1")[: 2 if number == TWO_SLIDES else 1]:
        slide = f"{sample}-01-{section}"
        tissue = simulate_slide(archive.seed, patient, slide, histology)
        image = draw(archive.seed, patient, slide, tissue)
        name = archive.slide_name(slide)
        write_slide(archive.path(name), image, SCANS.get(number, Scan()))
        archive.add_file(name, SLIDE, project, sample)
        blocks.append(places(tissue))
    if has_bulk:
        name = archive.star_name(sample)
        write_star(archive.path(name), pd.concat(blocks), seed=archive.seed, sample=sample)
        archive.add_file(name, STAR, project, sample)


def _add_decoys(archive: _Archive, project: str) -> None:
    """List files that no analysis must use; none of them has valid content."""
    diagnostic = SLIDE | {"experimental_strategy": "Diagnostic Slide"}
    older = STAR | {"analysis": {"workflow_type": "HTSeq - FPKM"}}
    other, normal = "DEMO-B2-0001", "Solid Tissue Normal"
    archive.add_case(OTHER_PROJECT, other, "8500/3")
    slide, star = archive.slide_name, archive.star_name
    for decoy in (
        (slide("DEMO-A1-0001-01Z-00-DX1"), diagnostic, project, "DEMO-A1-0001-01Z"),
        (slide("DEMO-A1-0002-11A-01-TS1"), SLIDE, project, "DEMO-A1-0002-11A", normal),
        (star("DEMO-A1-0002-11A"), STAR, project, "DEMO-A1-0002-11A", normal),
        (f"{archive.uuid('older')}.FPKM.txt.gz", older, project, "DEMO-A1-0001-01A"),
        (slide(f"{other}-01A-01-TS1"), SLIDE, OTHER_PROJECT, f"{other}-01A"),
        (star(f"{other}-01A"), STAR, OTHER_PROJECT, f"{other}-01A"),
    ):
        with atomic_path(archive.path(decoy[0])) as temporary:
            temporary.write_text(f"{decoy[0]}: not what was asked for\n")
        archive.add_file(*decoy)
