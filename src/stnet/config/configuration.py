"""The configuration: validated, with inheritance of experiments resolved."""

import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, ValidationError

from stnet.config.references import check_files, check_references
from stnet.config.section_sheet import read_sheet
from stnet.config.slide_sheet import read_slide_sheet
from stnet.config.split import held_out_groups
from stnet.core.checkout import find
from stnet.core.errors import InputError
from stnet.core.suggest import suggest

# What a cohort's report need not name: nothing, or none.
PARTS = [
    *["label", "features", "composition", "gene", "nuclear_gene", "pathways"],
    *["interpretation", "latent", "colocalisation"],
]
LISTS = ["patients", "others", "visium", "slides"]


class Configuration:
    """What the rules ask of the configuration. Sheets are read when a cohort is first asked for."""

    def __init__(self, config: dict, schema: str | Path):
        """Validate `config` (as Snakemake merged it) against the YAML schema at `schema`.

        Raises InputError naming the key, what is wrong with it and what would be right.
        """
        self._config = config = _sorted(config)
        self._schema = yaml.safe_load(Path(schema).read_text(encoding="utf-8"))
        self._sections: dict[str, list[dict[str, str]]] = {}
        self._validate(config, self._schema, "")
        for name, cohort in config["cohorts"].items():
            self._complete_cohort(name, cohort)
        self._slides: dict[str, list[dict[str, str]] | None] = {}
        self._features = self._resolve_all("features", self._schema["$defs"]["features"])
        self._experiments = self._resolve_all("experiments", self._schema["$defs"]["kinds"])
        self._sources = self._resolve_all("external", self._schema["$defs"]["sources"])
        check_references(self, config)

    def check_files(self, made: list[str]) -> None:
        """Refuse shown experiments and cohorts that name a file which is neither there nor `made`.

        Snakemake takes a job whose input is missing as done where its outputs are there.
        """
        for name in self._config["report"]:
            check_files(self, name, made)

    def cohort(self, name: str) -> dict:
        """Keys of a cohort."""
        return self.look_up("cohorts", name, "cohorts")

    def targets(self, name: str) -> dict:
        """Keys of a set of targets."""
        return self.look_up("targets", name, "targets")

    def experiment(self, name: str) -> dict:
        """Keys of an experiment, those it inherits included."""
        if name not in self._experiments:
            self.look_up("experiments", name, "experiments")
        return self._experiments[name]

    def features(self, name: str) -> dict:
        """Keys of a description of patches, those it inherits included."""
        if name not in self._features:
            self.look_up("features", name, "features")
        return self._features[name]

    def source(self, name: str) -> dict:
        """Keys of a source of external images, those it inherits included."""
        if name not in self._sources:
            self.look_up("external", name, "external")
        return self._sources[name]

    def sources_of(self, kind: str) -> list[str]:
        """External sources of a kind: `sections` or `slides`."""
        return [name for name, keys in self._sources.items() if keys["kind"] == kind]

    def slides(self, source: str) -> list[dict[str, str]] | None:
        """Rows of the slide sheet of a source; None where it has not been written yet."""
        if source not in self._slides:
            sheet = find(self.source(source)["sheet"])
            self._slides[source] = read_slide_sheet(sheet) if Path(sheet).is_file() else None
        return self._slides[source]

    def features_of(self, kind: str) -> list[str]:
        """Descriptions of patches of a kind: `nuclei` or `encoder`."""
        return [name for name, keys in self._features.items() if keys["kind"] == kind]

    def fitted(self, targets: str) -> bool:
        """Whether targets differ between held-out groups: nothing of a group enters its own."""
        keys = self.targets(targets)
        return "of" in keys or keys["choice"] == "training"

    def shown_experiments(self, cohort: str, *, supplement: bool = False) -> list[str]:
        """Experiments of a cohort's report, its main first, each once; the ablations too if asked.

        All but the last are in its tables of comparison.
        """
        report = self.cohort(cohort)["report"]
        named = [report[key] for key in ("main", "label", "features", "composition")]
        named += report["others"]
        if supplement:
            named += [e for study in report["studies"].values() for e in study["experiments"]]
            named += report["single_genes"].values()
        return list(dict.fromkeys(filter(None, named)))

    def cohorts_from(self, source: str) -> list[str]:
        """Cohorts whose files a rule makes: downloaded or simulated."""
        return [n for n, c in self._config["cohorts"].items() if c.get("source") == source]

    def experiments_of(self, kind: str) -> list[str]:
        """Experiments of a kind."""
        return [n for n, e in self._experiments.items() if e["kind"] == kind]

    def sections(self, cohort: str) -> list[dict[str, str]]:
        """Rows of the cohort's section sheet."""
        if cohort not in self._sections:
            keys = self.cohort(cohort)
            self._sections[cohort] = read_sheet(
                keys["sheet"], keys["root"], check_files="source" not in keys
            )
        return self._sections[cohort]

    def groups(self, experiment: str) -> dict[str, list[str]]:
        """Held-out groups of an experiment's split and the sections of each."""
        keys = self.experiment(experiment)
        return held_out_groups(self.sections(keys["cohort"]), keys["split"])

    def _resolve_all(self, table: str, kinds: dict[str, dict]) -> dict[str, dict]:
        """Rows of `experiments` or `external` with what they inherit, each valid by its kind."""
        resolved = {name: self._resolve(table, name, ()) for name in self._config[table]}
        # Those inherited from first: a mistake is of the row it stands in, not of its heirs.
        for name in sorted(resolved, key=lambda name: self._ancestors(table, name)):
            keys = resolved[name]
            kind = keys.get("kind")
            if kind not in kinds:
                raise InputError(
                    f"configuration: {table}.{name}.kind: {kind!r} is not one of "
                    + ", ".join(kinds)
                )
            self._validate(keys, kinds[kind], f"{table}.{name}")
        return resolved

    def _ancestors(self, table: str, name: str) -> int:
        parent = self._config[table][name].get("inherit")
        return 0 if parent is None else 1 + self._ancestors(table, parent)

    def _resolve(self, table: str, name: str, heirs: tuple[str, ...]) -> dict:
        if name in heirs:
            raise InputError(
                f"configuration: {table}.{name}.inherit: inherits from itself through "
                + ", ".join(heirs)
            )
        keys = dict(self.look_up(table, name, f"{table}.{(heirs or [name])[-1]}"))
        parent = keys.pop("inherit", None)
        return keys if parent is None else {**self._resolve(table, parent, (*heirs, name)), **keys}

    def _complete_cohort(self, name: str, cohort: dict) -> None:
        key = f"configuration: cohorts.{name}"
        if "source" in cohort:
            made = f"resources/{name}"
            if cohort.setdefault("root", made) != made:
                raise InputError(
                    f"{key}.root: with a source the files are in {made}; leave root out"
                )
        if "report" in cohort:
            _complete_report(cohort["report"])
        classes = cohort["label_classes"]
        both = sorted(set(classes["tumour"]) & set(classes["normal"]))
        if both:
            raise InputError(f"{key}.label_classes: {both[0]!r} is both tumour and normal")

    def look_up(self, table: str, name: str, key: str) -> dict:
        """Row of a table as it is written; InputError naming `key`, which asks for it, if none."""
        known = self._config[table]
        if name not in known:
            raise InputError(f"configuration: {key}: no {name!r} in {table}{_suggest(name, known)}")
        return known[name]

    def _validate(self, value: dict, schema: dict, where: str) -> None:
        schema = {**schema, "$defs": self._schema["$defs"]}
        errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda e: list(e.path))
        if errors:
            raise InputError(f"configuration: {_explain(errors[0], where)}")


def _complete_report(report: dict) -> None:
    for part in PARTS:
        report.setdefault(part, None)
    for part in LISTS:
        report.setdefault(part, [])
    for part in ("studies", "single_genes"):
        report[part] = _without_nulls(report.get(part) or {})
    if report["pathways"]:
        groups = _without_nulls(report["pathways"]["groups"])
        report["pathways"] = report["pathways"] | {"groups": groups}


def _without_nulls(table: dict) -> dict:
    """A configuration laid over another can take out what that has only by null."""
    return {name: value for name, value in table.items() if value is not None}


def _sorted(value):
    # The order of keys means nothing, and must not rerun anything where a mapping is a parameter;
    # an id of digits is a number to YAML.
    if isinstance(value, dict):
        return {str(key): _sorted(value[key]) for key in sorted(value, key=str)}
    return value


def _explain(error: ValidationError, where: str) -> str:
    key = ".".join(filter(None, [where, *map(str, error.absolute_path)]))
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        ids = list(error.schema.get("patternProperties", {}))
        unknown = next(
            name
            for name in error.instance
            if name not in known and not any(re.search(pattern, name) for pattern in ids)
        )
        key = ".".join(filter(None, [key, unknown]))
        if ids:
            return f"{key}: not an id of letters, digits, '.' and '-'"
        return f"{key}: unknown key{_suggest(unknown, known)}"
    return f"{key}: {error.message}"


def _suggest(name: str, known) -> str:
    return suggest(name, known, most=1) or f"; known are {', '.join(known)}"
