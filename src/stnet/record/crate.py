"""The results of a run as an RO-Crate, by the profile of Workflow Run RO-Crate."""

import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from stnet.checks.certificate import Entry
from stnet.core.atomic import atomic_path
from stnet.record.references import Reference

# The profiles of workflow runs are for this version of RO-Crate.
VERSION = "1.1"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
LICENCE = "To be chosen by the authors: the run does not know under which licence you publish."
FORMATS = {
    ".h5ad": "application/x-hdf5",
    ".safetensors": "application/octet-stream",
    ".tsv": "text/tab-separated-values",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
}


def write_crate(
    path: Path,
    about: Mapping,
    outputs: Iterable[Entry],
    record: Mapping[str, str],
    used: Iterable[Reference],
) -> None:
    """Describe the files of a folder of results.

    Args:
        path: `ro-crate-metadata.json` of the folder, to be written.
        about: what `run.json` has, and the `title` of what was run.
        outputs: certified files below the folder.
        record: what the files of the record are, by their path below the folder. The Snakefile is
            `record/code/Snakefile`.
        used: the references of the run.

    Source: ours.
    """
    folder = path.parent
    crate = ROCrate(version=VERSION)
    # Version 1.1 does not have the term.
    crate.metadata.extra_terms["sha256"] = "http://schema.org/sha256"
    # As the profile writes times.
    ended = f"{about['last job ended'][:19]}+00:00"
    crate.name = f"ST-Net workflow: {about['title']}"
    crate.description = (
        "Predictions of spatial gene expression from images of tissue, with tables, figures and"
        " models, and the record of the run that made them."
    )
    crate.datePublished = ended
    crate.license = crate.add(
        ContextEntity(crate, "#licence", {"@type": "CreativeWork", "name": LICENCE})
    )
    named = {
        "name": "ST-Net workflow",
        "version": about["commit"] or about["version"],
        "encodingFormat": "text/x-python",
    }
    workflow = crate.add_workflow(
        dest_path="record/code/Snakefile", properties=named, main=True, lang="snakemake"
    )
    workflow["license"] = "https://spdx.org/licenses/MIT"
    crate.root_dataset["conformsTo"] = [
        crate.add(ContextEntity(crate, url, {"@type": "CreativeWork", "name": name, "version": n}))
        for url, (name, n) in PROFILES.items()
    ]
    code = {"name": "Code and locks of packages of the run", "hasPart": workflow}
    crate.add_dataset(dest_path="record/code", properties=code)
    for name, words in record.items():
        crate.add_file(dest_path=name, properties=_file(folder / name) | {"description": words})
    results = [
        crate.add_file(
            dest_path=Path(each.name).relative_to(folder),
            properties=_file(Path(each.name))
            | {"sha256": each.sha256, "description": f"made by the rule {each.rule}"},
        )
        for each in outputs
    ]
    for each in used:
        work = {"@type": "CreativeWork", "name": each.reference, "identifier": each.url}
        entity = crate.add(ContextEntity(crate, each.url, work))
        crate.root_dataset.append_to("citation", entity)
    crate.add_action(
        workflow,
        identifier="#run",
        object=crate.dereference("record/configuration.yaml"),
        result=results,
        properties={
            "name": f"Run of {about['targets']}",
            "description": "The last certified run of the workflow in this folder",
            "endTime": ended,
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    )
    crate.root_dataset["mentions"] = crate.dereference("#run")
    with atomic_path(path) as temporary:
        crate.metadata.write(temporary.parent)


def _file(path: Path) -> dict[str, str]:
    kind = FORMATS.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return {
        "name": path.name,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": kind or "application/octet-stream",
    }
