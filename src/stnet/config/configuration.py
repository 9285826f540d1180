"""The configuration: validated, with inheritance resolved and defaults filled in."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stnet.config.arena import enter_arenas
from stnet.config.base import Keys, Row, no_row
from stnet.config.checks import check_rows
from stnet.config.cohorts import Made
from stnet.config.faults import fault, first_fault, join, show
from stnet.config.known_encoders import check_encoders
from stnet.config.names import IMAGENET, RANDOM, digits_as_text
from stnet.config.section_sheet import LONGEST_ID, MARKUP, read_sheet, wrong_pitch
from stnet.config.settings import TABLES, Settings
from stnet.config.slide_sheet import read_slide_sheet
from stnet.config.split import held_out_groups
from stnet.core.checkout import find

Rows = dict[str, Row]


class Configuration:
    """The configuration as the rules read it. A sheet is read on its first use.

    `resolved` is the configuration as plain mappings: inherited keys are resolved, every default is
    filled in, and each single-gene experiment has a row. In a report, `single_genes` maps each gene
    to its experiment, and `arena` has the `Entries` too; it is empty in cohorts that are not
    reported.
    """

    def __init__(self, config: dict[str, Any]):
        """Validate `config` as Snakemake merged it.

        Raises InputError with the key, the fault and a remedy.
        """
        config = _sorted(config)
        names = {table: _rows(config, table) for table in TABLES}
        settings = _valid(Settings, config, names, "")
        self._rows = {table: _resolve(table, model, names) for table, model in TABLES.items()}
        alone = _expand_genes(self._rows)
        check_rows(self._rows, settings.report, alone)
        check_encoders(self._rows["features"])
        arenas = enter_arenas(self._rows, settings.report)
        self.resolved = settings.model_dump() | {
            table: {name: rows[name].model_dump() for name in sorted(rows)}
            for table, rows in self._rows.items()
        }
        for name, cohort in self.resolved["cohorts"].items():
            if report := cohort["report"]:
                report["single_genes"] = alone.get(report["single_genes"], {})
                report["arena"] = report["arena"] | arenas[name] if name in arenas else {}
        self._sections: dict[str, list[dict[str, str]]] = {}
        self._slides: dict[str, list[dict[str, str]] | None] = {}

    def row(self, table: str, name: str) -> dict[str, Any]:
        """Keys of a row of a table. Raises InputError, with a suggestion, if it is not there."""
        rows = self.resolved[table]
        if name not in rows:
            raise fault(table, no_row(table, name, rows))
        return rows[name]

    def cohorts_from(self, source: str) -> list[str]:
        """Cohorts with this source, such as `mendeley` or `simulated`."""
        return self._of("cohorts", "source", source)

    def experiments_of(self, kind: str) -> list[str]:
        """Experiments of a kind."""
        return self._of("experiments", "kind", kind)

    def features_of(self, kind: str) -> list[str]:
        """Features of a kind: `nuclei`, `encoder`, `colour` or `precomputed`."""
        return self._of("features", "kind", kind)

    def sources_of(self, kind: str) -> list[str]:
        """External sources of a kind: `sections` or `slides`."""
        return self._of("external", "kind", kind)

    def fitted(self, targets: str) -> bool:
        """Whether targets are fitted without the held-out group, so that they differ by group."""
        self.row("targets", targets)
        return self._rows["targets"][targets].fitted

    def sees_held_out(self, experiment: str) -> bool:
        """Whether an experiment is a reference, which sees the measurement that it predicts."""
        return self._rows["experiments"][experiment].sees_held_out

    def shown_experiments(self, cohort: str, *, supplement: bool = False) -> list[str]:
        """Experiments of a cohort's report, the main one first, each once.

        `supplement` adds the ablations, the single genes and the arena, which the comparison
        leaves out.
        """
        report = self.row("cohorts", cohort)["report"]
        named = self._rows["cohorts"][cohort].report.shown
        if supplement:
            named += [e for study in report["studies"].values() for e in study["experiments"]]
            named += report["arena"].get("entered", {}).values()
            named += report["single_genes"].values()
        return list(dict.fromkeys(named))

    def sections(self, cohort: str) -> list[dict[str, str]]:
        """Rows of the cohort's section sheet."""
        if cohort not in self._sections:
            keys = self.row("cohorts", cohort)
            rows = read_sheet(keys["sheet"], keys["root"], check_files=keys["source"] is None)
            for row in rows:
                if wrong := wrong_pitch(row["format"], keys["spot_pitch_um"]):
                    raise fault(
                        f"cohorts.{cohort}.spot_pitch_um",
                        f"{wrong}, as section {row['section']} of {keys['sheet']}; correct it"
                        " (sections of a cohort have the same)",
                    )
            self._sections[cohort] = rows
        return self._sections[cohort]

    def slides(self, source: str) -> list[dict[str, str]] | None:
        """Rows of the slide sheet of a source; None if it has not been written yet."""
        if source not in self._slides:
            sheet = find(self.row("external", source)["sheet"])
            self._slides[source] = read_slide_sheet(sheet) if Path(sheet).is_file() else None
        return self._slides[source]

    def groups(self, experiment: str) -> dict[str, list[str]]:
        """Held-out groups of an experiment's split and the sections of each.

        Raises InputError if there is only one, unless the predictions were made elsewhere, or if a
        group leaves one section, which is too few to choose among penalties.
        """
        keys = self.row("experiments", experiment)
        groups = held_out_groups(self.sections(keys["cohort"]), keys["split"])
        if len(groups) < 2 and keys["kind"] != "precomputed":
            unit = "section" if keys["split"] == "section" else "patient"
            (sections,) = groups.values()
            other = ", or set split: section" if unit == "patient" and len(sections) > 1 else ""
            sheet = self.row("cohorts", keys["cohort"])["sheet"]
            raise fault(
                f"experiments.{experiment}.split",
                f"{keys['split']} holds out the only {unit} of {sheet}, which leaves nothing to"
                f" train on; add a {unit}{other}",
            )
        several = len(keys.get("penalties", [])) > 1 and keys["inner_folds"] != "held_out"
        total = sum(map(len, groups.values()))
        for group, held_out in groups.items():
            if several and total - len(held_out) == 1:
                raise fault(
                    f"experiments.{experiment}.penalties",
                    f"without {group} one section is left, which cannot be split to choose among"
                    " several; give one penalty",
                )
        return groups

    def check_files(self, made: Iterable[str]) -> None:
        """Raise InputError for a file that a report needs and that neither exists nor is `made`.

        Snakemake does not do this: with an input missing, it treats a job as done if its outputs
        exist.
        """
        for cohort in self.resolved["report"]:
            for key, path in self._files(cohort).items():
                known = [None, *made, *([IMAGENET, RANDOM] if key.endswith(".weights") else [])]
                if path not in known and not Path(path).is_file():
                    raise fault(key, f"no file {path}; correct the path")
            for name in self.shown_experiments(cohort, supplement=True):
                if described := self.row("experiments", name).get("features"):
                    self.check_weights(described)

    def check_weights(self, features: str) -> None:
        """Raise InputError if features name a file of weights that does not exist."""
        keys = self.row("features", features)
        path, card = keys.get("weights"), keys.get("model_card")
        if path not in (None, IMAGENET, RANDOM) and not Path(path).is_file():
            remedy = f"download it from huggingface.co/{card}, or " if card else ""
            raise fault(f"features.{features}.weights", f"no file {path}; {remedy}correct the path")

    def _files(self, cohort: str) -> dict[str, str | None]:
        """Files that a cohort's report needs, by the key that names each."""
        keys = self.row("cohorts", cohort)
        report = keys["report"]
        files = {f"cohorts.{cohort}.genes": keys["genes"]}
        for name in self.shown_experiments(cohort, supplement=True):
            experiment = self.row("experiments", name)
            files[f"experiments.{name}.weights"] = experiment.get("weights")
        for name in report["visium"]:
            of_source = self.row("external", name)["cohort"]
            files[f"cohorts.{of_source}.genes"] = self.row("cohorts", of_source)["genes"]
        for name in report["slides"]:
            source = self.row("external", name)
            files[f"external.{name}.genes"] = source["genes"]
            files[f"external.{name}.encoder.weights"] = source["encoder"]["weights"]
        for number, path in enumerate((report["pathways"] or {}).get("gene_sets", [])):
            files[f"cohorts.{cohort}.report.pathways.gene_sets[{number}]"] = path
        return files

    def _of(self, table: str, key: str, value: str) -> list[str]:
        return [name for name, row in self.resolved[table].items() if row[key] == value]


def _resolve(table: str, model: type[Row], written: dict[str, dict[str, Any]]) -> Rows:
    """Rows of a table with their inherited keys, each validated by the model of its kind."""
    rows = written[table]
    lineages = {name: _lineage(table, rows, name) for name in rows}
    found = {}
    # Parents first, so that an error names the row that contains it.
    for name in sorted(rows, key=lambda name: len(lineages[name])):
        keys = {k: value for each in reversed(lineages[name]) for k, value in rows[each].items()}
        keys.pop("inherit", None)
        if keys.get(model.by) is None:
            keys.pop(model.by, None)
        keys["title"] = name if rows[name].get("title") is None else rows[name]["title"]
        where, kinds, kind = f"{table}.{name}", model.kinds(), model.kind_of(keys)
        # A list of the kinds, as a kind that is a list or a mapping has no hash.
        if kind not in list(kinds):
            known = ", ".join(filter(None, kinds))
            raise fault(f"{where}.{model.by}", f"{show(kind)} is not one of {known}")
        for key in sorted(keys.keys() - rows[name].keys() - kinds[kind].model_fields.keys()):
            giver = next(each for each in lineages[name] if key in rows[each])
            raise fault(
                f"{where}.{key}",
                f"unknown key for kind {kind} (inherited from {giver}); inherit from a row of that"
                " kind",
            )
        found[name] = _valid(kinds[kind], keys, written, where)
        if isinstance(found[name], Made):
            root = f"resources/{name}"
            if found[name].root not in ("", root):
                raise fault(f"{where}.root", f"with a source the files are in {root}; remove root")
            found[name] = found[name].model_copy(update={"root": root})
    return found


def _lineage(table: str, rows: dict[str, dict[str, Any]], name: str) -> list[str]:
    """A row and the rows it inherits from, nearest first."""
    lineage = [name]
    while (parent := digits_as_text(rows[lineage[-1]].get("inherit"))) is not None:
        key = f"{table}.{lineage[-1]}.inherit"
        if not isinstance(parent, str):
            raise fault(key, f"{show(parent)} is not the id of a row; write one id, in quotes")
        if parent not in rows:
            raise fault(key, no_row(table, parent, rows))
        if [parent] == lineage:
            # Rows of one name are merged over those of config.yaml.
            raise fault(
                key, f"inherits from itself: {name} is also in config/config.yaml; rename yours"
            )
        if parent in lineage:
            raise fault(key, f"inherits from itself through {', '.join(lineage)}")
        lineage.append(parent)
    return lineage


def _expand_genes(rows: dict[str, Rows]) -> dict[str, dict[str, str]]:
    """Replace each experiment with `genes` by one experiment per gene, each with its own targets.

    Returns, for each replaced row, the name of each gene's experiment.
    """
    targets, experiments = rows["targets"], rows["experiments"]
    alone = {}
    for row in [name for name, keys in experiments.items() if keys.genes]:
        keys = experiments.pop(row)
        where = f"experiments.{row}"
        of = targets[keys.targets]
        if not hasattr(of, "transform"):
            raise fault(f"{where}.targets", f"{keys.targets} are factors, not genes")
        alone[row] = {}
        for gene in sorted(keys.genes):
            # Symbols may have characters that ids may not.
            name = f"{row}-{re.sub('[^A-Za-z0-9.-]', '-', gene)}"
            if len(name) > LONGEST_ID:
                raise fault(f"{where}.genes", f"{gene} makes {name}, too long for a file name")
            if name in experiments or name in targets:
                raise fault(
                    f"{where}.genes", f"{gene} makes {name}, which already exists; rename one"
                )
            alone[row][gene] = name
            targets[name] = of.model_copy(update={"genes": [gene], "choice": "cohort"})
            title = f"{keys.title}: {gene}"
            experiments[name] = keys.model_copy(
                update={"targets": name, "genes": None, "title": title}
            )
    return alone


def _valid(model: type[Keys], keys: dict[str, Any], context: dict, where: str) -> Any:
    try:
        return model.model_validate(keys, context=context)
    except ValidationError as error:
        raise first_fault(error, keys, where) from None


def _rows(config: dict[str, Any], table: str) -> dict[str, Any]:
    if table not in config and Settings.model_fields[table].is_required():
        raise fault(table, "missing; add it")
    rows = config.get(table, {})
    if not isinstance(rows, dict):
        raise fault(table, f"write a mapping from ids to rows, not {show(rows)}")
    return rows


def _checked(value: Any, path: tuple[str, ...]) -> Any:
    # Also where a model takes any value, such as the options of an architecture.
    if not isinstance(value, str | int | float | None):
        raise fault(join(path), f"YAML reads it as {show(value)}; write it in quotes")
    if isinstance(value, str) and MARKUP.search(value):
        raise fault(join(path), f"{value!r} has markup of a web page, which would break the report")
    if isinstance(value, float) and not math.isfinite(value):
        raise fault(join(path), f"{value} should be a finite number")
    return value


def _sorted(value: Any, *path: str) -> Any:
    # The order of keys has no meaning, so it must not change a rule parameter and rerun jobs.
    if isinstance(value, list):
        return [_sorted(each, *path, f"[{number}]") for number, each in enumerate(value)]
    if not isinstance(value, dict):
        return _checked(value, path)
    found = {}
    for key in sorted(value, key=str):
        name = digits_as_text(key)
        if not isinstance(name, str):
            raise fault(
                join([*path, str(key)]), f"YAML reads it as {show(key)}; write the id in quotes"
            )
        _checked(name, (*path, name))
        if name in found:
            raise fault(join([*path, name]), "there twice, with and without quotes; remove one")
        found[name] = _sorted(value[key], *path, name)
    return found
