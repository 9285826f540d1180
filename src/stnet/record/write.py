"""The record of a finished run: what was run, with what, and how to cite it."""

import json
import re
import shutil
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

import yaml
from markupsafe import Markup

from stnet.checks.certificate import Certificate, changed, check_configuration, read_certificate
from stnet.core.atomic import atomic_path
from stnet.core.checkout import CHECKOUT
from stnet.core.errors import InputError, first_of
from stnet.core.hashing import file_sha256
from stnet.core.printed import short
from stnet.record.markdown import render
from stnet.record.methods import methods
from stnet.record.references import GROUPS, Reference, Rows, facts, references
from stnet.record.reforms import reforms
from stnet.record.run import Timed, provenance, run_facts, used_rows

RESULTS = Path("results")
FILES = {
    "README.md": "What is what, and how to make the results again",
    "run.json": "What was run: commit, locks, packages, machines, times by rule, configuration",
    "configuration.yaml": "The configuration in one file, as it was given",
    "methods.md": "The methods in sentences, to paste into a manuscript",
    "CITATIONS.md": "What to cite: data, models and packages that were used",
    "reforms.tsv": "The items of REFORMS, with the files that answer them",
}
CRATE = RESULTS / "ro-crate-metadata.json"
NO_CRATE = "no RO-Crate: rocrate is not installed; pip install --no-deps -r {}, then record again"


def write_record(
    path: str | Path,
    given: Mapping[str, str],
    *,
    config: Rows,
    written: Mapping,
    jobs: Mapping[str, Timed],
    lock: str | Path,
    workers: int,
) -> None:
    """Write the record of a certified run into `results/record`, and print its files.

    Args:
        path: the certificate.
        given: facts of this call, as `write_certificate` takes them.
        config: the resolved configuration; cohorts have the `formats` of their sections.
        written: the configuration as it was given.
        jobs: the certified jobs, by their first output.
        lock: the file that says what the crate needs.
        workers: how many files are hashed at once.

    Raises:
        InputError: there is no certificate, it is of another configuration, a file that the record
            names differs from it, or the run did not make the main results.

    Source: ours.
    """
    certificate = read_certificate(path)
    check_configuration(path, certificate, given)
    # Patches are many, and are made again from files that are named.
    named = [
        each
        for each in certificate.files.values()
        if each.part in ("code", "configuration")
        or (each.part == "outputs" and re.match(r"results/[^/]+/(?!views/)", each.name))
    ]
    if differ := [*changed(named, workers)]:
        raise InputError(
            f"{path}: files not as certified: {len(differ)} ({first_of(differ)}); run the"
            " workflow again, then record"
        )
    cohorts, folder = config["report"], RESULTS / "record"
    # Not files of earlier runs, which may be of other code.
    there = {each.name for each in certificate.files.values() if each.part != "earlier"}
    there |= {f"{folder}/{name}" for name in FILES} | ({str(CRATE)} if _has_crate() else set())
    tables = {name: _tables(name, config, there) for name in cohorts}
    rows, made = used_rows(certificate, config), provenance(certificate)
    used = references({each.rule for each in named} | facts(rows))
    found = run_facts(certificate, jobs, made, used, rows) | {
        "certificate": file_sha256(path),
        "version": tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"],
    }
    sections = [methods(name, rows, made, used, tables[name]) for name in cohorts]
    texts = {
        "README.md": render("readme.md.jinja", files=FILES, **_in_words(found)),
        "run.json": json.dumps(found, indent=1, ensure_ascii=False),
        "configuration.yaml": yaml.safe_dump(dict(written), sort_keys=False, allow_unicode=True),
        "methods.md": "\n\n".join(
            [*sections, render("computing.md.jinja", used=used, **_in_words(found))]
        ),
        "CITATIONS.md": render(
            "citations.md.jinja", used=used, groups=GROUPS, packages=found["packages"]
        ),
        "reforms.tsv": reforms(there, cohorts),
    }
    for name, text in texts.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        print(f"{folder / name}: {FILES[name]}")
    _copy_code(certificate, folder / "code")
    _write_crate(found, named, [rows["cohorts"][name]["title"] for name in cohorts], used, lock)


def _has_crate() -> bool:
    """Whether there is the package that writes the crate."""
    try:
        import rocrate  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def _write_crate(found, named, titles, used: Mapping[str, Reference], lock: str | Path) -> None:
    if not _has_crate():
        print(NO_CRATE.format(lock))
        return
    from stnet.record.crate import write_crate

    record = {f"record/{name}": words for name, words in FILES.items()}
    record["certificate.sha256"] = "SHA-256 of all that the run read and wrote"
    outputs = [each for each in named if each.part == "outputs"]
    write_crate(CRATE, {**found, "title": ", ".join(titles)}, outputs, record, used.values())
    print(f"{CRATE}: The results as a Workflow Run RO-Crate")


def _in_words(found: Mapping) -> dict:
    """Facts as the pages say them."""
    commit = f"commit {found['commit'] or 'unknown'}"
    rules = found["rules"].values()
    return {
        **found,
        "commit": commit + ("" if found["clean"] or not found["commit"] else ", with changes"),
        "targets": Markup(found["targets"]),
        "jobs": sum(row["jobs"] for row in rules),
        "timed": sum(row["timed"] for row in rules),
        "hours": short(sum(row["core_seconds"] for row in rules) / 3600),
    }


def _tables(cohort: str, config: Rows, there: Collection[str]) -> dict[str, str]:
    """Tables that the methods of a cohort need. Raises InputError if the run has not made them."""
    main = config["cohorts"][cohort]["report"]["main"]
    folder = f"results/{cohort}/tables"
    tables = {
        "dataset": f"{folder}/dataset/summary.tsv",
        "summary": f"{folder}/{main}/all/summary.tsv",
    }
    for path in tables.values():
        if path not in there:
            raise InputError(f"{path}: not of the certified run; run the target all, then record")
    return tables


def _copy_code(certificate: Certificate, folder: Path) -> None:
    """Copy the code of a run, and its configuration as far as it lies in the run's folder."""
    with atomic_path(folder) as temporary:
        for entry in certificate.files.values():
            path = Path(entry.name)
            outside = path.is_absolute() or ".." in path.parts
            if entry.part in ("code", "configuration") and not outside:
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(entry.path(), temporary / path)
        shutil.copyfile(CHECKOUT / "LICENSE", temporary / "LICENSE")
