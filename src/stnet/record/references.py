"""What a run used of other people's work, with references: data, models, packages."""

from collections.abc import Collection, Mapping
from pathlib import Path

from stnet.core.tables import read_table

TABLE = Path(__file__).with_name("references.tsv")
# Rows of the configuration by name, by table.
Rows = Mapping[str, Mapping[str, Mapping]]


def references(used: Collection[str]) -> dict[str, dict[str, str]]:
    """Rows of `references.tsv` by key: the works that were used.

    `used` has the rules that ran, and facts of `facts`. A run with one of a row's `when` used the
    work. `key` of software is its package on PyPI; `licence` is that of the data or the weights.
    """
    rows = read_table(TABLE, text=True).to_dict("records")
    return {row["key"]: row for row in rows if not {"*", *used}.isdisjoint(row["when"].split())}


def data_works(cohort: Mapping) -> list[dict[str, str]]:
    """The references of a cohort's data, by its row of the configuration, which has `formats`."""
    used = references(facts({"cohorts": {"": cohort}}))
    return [row for row in used.values() if row["group"] == "Data"]


def facts(rows: Rows) -> set[str]:
    """Keys of the configuration with their values, as references name them: `source=tenx`."""
    keys = [each for table in rows.values() for each in table.values()]
    keys += [each["encoder"] for each in keys if isinstance(each.get("encoder"), dict)]
    formats = {f"format={each}" for row in rows["cohorts"].values() for each in row["formats"]}
    return formats | {f"{key}={value}" for each in keys for key, value in each.items()}
