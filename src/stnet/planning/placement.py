"""Whether spots are on their tissue, and the gene to show is among the genes (ours)."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from anndata.io import read_elem

from stnet.cohorts.section import write_section
from stnet.config.configuration import Configuration
from stnet.config.section_sheet import FILE_COLUMNS, FORMATS
from stnet.core.errors import InputError
from stnet.core.h5ad import open_h5ad
from stnet.core.suggest import suggest
from stnet.planning.finding import MAKE_SECTIONS, MISSING, OK, WARNING, Finding

# What a section's job is told of its cohort.
KEYS = ("misaligned", "label_classes", "require_label", "spot_window", "spot_pitch_um")
# Sections of formats that take more memory take too long.
MOST_MB = 5000
NEEDS = ("uns/checks", "var/symbol")


def check_sections(configuration: Configuration, end: float) -> Iterator[Finding]:
    """What the checks of sections find, of those with files, until the time `end` (monotonic).

    Sections that were made have it in their file. Others are read, as their job would do it.
    """
    for name in configuration.resolved["report"]:
        keys = configuration.row("cohorts", name)
        counts, genes = Counter(), set()
        for row in configuration.sections(name):
            made = Path(f"results/{name}/sections/{row['section']}.h5ad")
            if not made.is_file():
                if not all(Path(path).exists() for path in map(row.get, FILE_COLUMNS) if path):
                    counts["absent"] += 1
                    continue
                if time.monotonic() > end or FORMATS[row["format"]].memory_mb > MOST_MB:
                    counts["left"] += 1
                    continue
            try:
                with _section(made, row, keys) as path, open_h5ad(path, NEEDS) as file:
                    said = file["uns/checks/warnings"].asstr()[()]
                    table = read_elem(file["var"])
                    genes.update(table[["symbol", "ensembl"]].itertuples(name=None))
            except InputError as error:
                yield Finding("section", MISSING, f"{row['section']}: {error}")
                continue
            counts["fine"] += not len(said)
            yield from (Finding("section", WARNING, f"{row['section']}: {each}") for each in said)
        if n := counts["fine"]:
            yield Finding("sections", OK, f"{name}: spots of {n} fit their tissue")
        if n := counts["absent"]:
            yield Finding("sections", OK, f"{name}: files of {n} are still to be made")
        if n := counts["left"]:
            found = f"{name}: {n} not looked at, which would take too long"
            yield Finding("sections", WARNING, found, MAKE_SECTIONS)
        report = keys["report"]
        targets = configuration.row("experiments", report["main"])["targets"]
        listed = configuration.row("targets", targets)["genes"]
        known = {
            each
            for names in genes
            if not isinstance(listed, list) or {*names} & {*listed}
            for each in names
        }
        if known and report["gene"] not in {None, *known} and not counts["left"]:
            found = f"cohorts.{name}.report.gene: {report['gene']} is not measured, or not a target"
            yield Finding("gene", WARNING, found, f"name another{suggest(report['gene'], known)}")


@contextmanager
def _section(made: Path, row: dict[str, str], keys: dict) -> Iterator[Path]:
    """The file of a section: as it was made, or made for the block."""
    if made.is_file():
        yield made
        return
    with TemporaryDirectory() as folder:
        path = Path(folder, made.name)
        settings = {key: keys[key] for key in KEYS}
        row = {**row, "misaligned": settings.pop("misaligned")}
        genes = keys["genes"] if Path(keys["genes"] or "").is_file() else None
        write_section(row, path, f"{folder}/drops.tsv", genes=genes, **settings)
        yield path
