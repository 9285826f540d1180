"""The results of a run as an RO-Crate, by the profile of Workflow Run RO-Crate."""

import mimetypes
from collections.abc import Mapping
from pathlib import Path

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from stnet.core.atomic import atomic_path
from stnet.record.run import Run

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
LICENCE = "To be chosen by the authors: the run does not know under which licence you publish."
FORMATS = {".h5ad": "application/x-hdf5", ".yaml": "application/yaml"}


def write_crate(path: Path, run: Run, record: Mapping[str, str]) -> None:
    """Write `ro-crate-metadata.json`, which describes the folder of results that it is in.

    `record` says what the files in `record/` are; the Snakefile is `record/code/Snakefile`.
    """
    # The profiles are for this version, which does not have the term.
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = "http://schema.org/sha256"

    def work(url: str, name: str, **properties: str) -> ContextEntity:
        properties |= {"@type": "CreativeWork", "name": name}
        return crate.add(ContextEntity(crate, url, properties))

    def file(name: str, words: str, **properties: str) -> ContextEntity:
        at = path.parent / name
        kind = FORMATS.get(at.suffix) or mimetypes.guess_type(name)[0]
        properties |= {"name": at.name, "description": words, "contentSize": str(at.stat().st_size)}
        properties["encodingFormat"] = kind or "application/octet-stream"
        return crate.add_file(dest_path=name, properties=properties)

    # As the profile writes times.
    ended = f"{run.facts['last_job_ended'][:19]}+00:00"
    crate.name = f"ST-Net workflow: {run.facts['title']}"
    crate.description = (
        "Predictions of spatial gene expression from images of tissue, with tables, figures and"
        " models, and the record of the run that made them."
    )
    crate.datePublished = ended
    crate.license = work("#licence", LICENCE)
    crate.root_dataset["conformsTo"] = [
        work(url, name, version=version) for url, (name, version) in PROFILES.items()
    ]
    crate.root_dataset["citation"] = [
        work(each["url"], each["reference"], identifier=each["url"]) for each in run.used.values()
    ]
    about = {"name": "ST-Net workflow", "version": run.facts["commit"] or run.facts["version"]}
    about |= {"encodingFormat": "text/x-python", "license": "https://spdx.org/licenses/MIT"}
    workflow = crate.add_workflow(
        dest_path="record/code/Snakefile", properties=about, main=True, lang="snakemake"
    )
    code = {"name": "Code and locks of packages of the run", "hasPart": workflow}
    crate.add_dataset(dest_path="record/code", properties=code)
    file("certificate.sha256", "SHA-256 of all that the run read and wrote")
    recorded = {name: file(f"record/{name}", words) for name, words in record.items()}
    results = [
        file(
            each.name.removeprefix("results/"), f"made by the rule {each.rule}", sha256=each.sha256
        )
        for each in run.outputs.values()
    ]
    crate.root_dataset["mentions"] = crate.add_action(
        workflow,
        identifier="#run",
        object=recorded["configuration.yaml"],
        result=results,
        properties={
            "name": f"Run of {run.facts['last_call']['targets']}",
            "description": "The last certified run of the workflow in this folder",
            "endTime": ended,
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    )
    with atomic_path(path) as temporary:
        crate.metadata.write(temporary.parent)
