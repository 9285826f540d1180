"""The record of a finished run: what was run, with what, and how to cite it."""

import json
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from fnmatch import filter as matching
from pathlib import Path

import yaml

from stnet.checks.certificate import Certificate, changed, check_configuration, read_certificate
from stnet.core.atomic import atomic_path
from stnet.core.checkout import CHECKOUT
from stnet.core.errors import InputError, first_of
from stnet.core.hashing import file_sha256
from stnet.core.tables import as_text, read_table
from stnet.record.crate import write_crate
from stnet.record.markdown import render
from stnet.record.methods import methods
from stnet.record.run import Known, outputs_of, read_run

FOLDER = Path("results/record")
FILES = {
    "README.md": "What is what, and how to make the results again",
    "run.json": "What was run: commit, locks, packages, machines, times by rule, configuration",
    "configuration.yaml": "The configuration in one file, as it was given",
    "methods.md": "The methods in sentences, to paste into a manuscript",
    "CITATIONS.md": "What to cite: data, models and packages that were used",
    "reforms.tsv": "The items of REFORMS, with the files that answer them",
}
CRATE = FOLDER.parent / "ro-crate-metadata.json"
# The items of REFORMS (Kapoor et al. 2024), in our words.
ITEMS = Path(__file__).with_name("reforms.tsv")


def write_record(path: str | Path, given: Mapping[str, str], known: Known, workers: int) -> None:
    """Write the record of a certified run into `results/record`, and print its files.

    `path` is the certificate; `given` has facts of this call, as `write_certificate` takes them;
    `workers` files are hashed at once. Raises InputError if there is no certificate, it is of
    another configuration, a file that the record names differs from it, or the run did not make
    the main results.
    """
    certificate = read_certificate(path)
    check_configuration(path, certificate, given)
    inputs = [each for each in certificate.files.values() if each.part in ("code", "configuration")]
    if differ := [*changed([*inputs, *outputs_of(certificate).values()], workers)]:
        raise InputError(
            f"{path}: files not as certified: {len(differ)} ({first_of(differ)}); run the"
            " workflow again, then record"
        )
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    cohorts = known.config["report"]
    if absent := [name for name in cohorts if name not in known.config["cohorts"]]:
        raise InputError(f"{path}: has nothing of cohort {absent[0]}; run the target all before")
    about = {
        "title": ", ".join(known.config["cohorts"][name]["title"] for name in cohorts),
        "version": project["version"],
        "certificate": file_sha256(path),
    }
    run = read_run(certificate, known, about)
    there = [*run.outputs, str(CRATE), *(f"{FOLDER}/{name}" for name in FILES)]
    said = {"files": FILES, "run": run.facts, "used": run.used}
    sections = [methods(name, known.config["cohorts"][name], run) for name in cohorts]
    texts = {
        "README.md": render("readme.md.jinja", **said),
        "run.json": json.dumps(run.facts, indent=1, ensure_ascii=False),
        "configuration.yaml": yaml.safe_dump(known.written, sort_keys=False, allow_unicode=True),
        "methods.md": "\n\n".join([*sections, render("computing.md.jinja", **said)]),
        "CITATIONS.md": render("citations.md.jinja", **said),
        "reforms.tsv": reforms(there),
    }
    for name, text in texts.items():
        with atomic_path(FOLDER / name) as temporary:
            temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        print(f"{FOLDER / name}: {FILES[name]}")
    _copy_code(certificate, FOLDER / "code")
    write_crate(CRATE, run, FILES)
    print(f"{CRATE}: The results as a Workflow Run RO-Crate")


def reforms(there: Iterable[str]) -> str:
    """A TSV with a row per item: the files of `there` that answer it, and what is left to say."""
    items = read_table(ITEMS, text=True)
    items["answered_by"] = [
        " ".join(name for pattern in files.split() for name in matching(there, pattern))
        for files in items.pop("files")
    ]
    left = items.pop("note").mask(items["answered_by"] == "", "all of it")
    return as_text(items.assign(left_to_the_authors=left))


def _copy_code(certificate: Certificate, folder: Path) -> None:
    """Copy the code of a run, and its configuration as far as it lies in the run's folder."""
    with atomic_path(folder) as temporary:
        for entry in certificate.files.values():
            outside = {"/", ".."} & {*Path(entry.name).parts}
            if entry.part in ("code", "configuration") and not outside:
                copy = temporary / entry.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(entry.path(), copy)
        shutil.copyfile(CHECKOUT / "LICENSE", temporary / "LICENSE")
