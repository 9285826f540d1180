"""What a run used of other people's work, with references: data, models, packages."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("references.tsv")
GROUPS = ("Method", "Data", "Models", "Software")
# Rows of the configuration by name, by table.
Rows = Mapping[str, Mapping[str, Mapping]]


class Reference(NamedTuple):
    """A row of `references.tsv`.

    `when` has rules, and facts such as `source=tenx`: a run with one of them used the work. `key`
    of software is its package on PyPI. `licence` is that of the data or the weights.
    """

    key: str
    group: str
    when: str
    short: str
    reference: str
    url: str
    licence: str


def references(used: Collection[str]) -> dict[str, Reference]:
    """The works that were used, by key. `used` has the rules that ran, and facts of `facts`."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = [Reference(**row) for row in csv.DictReader(file, delimiter="\t")]
    return {row.key: row for row in rows if not {"*", *used}.isdisjoint(row.when.split())}


def facts(rows: Rows) -> set[str]:
    """Keys of the configuration with their values, as references name them: `source=tenx`."""
    keys = [each for table in rows.values() for each in table.values()]
    keys += [each["encoder"] for each in keys if isinstance(each.get("encoder"), dict)]
    formats = {f"format={each}" for row in rows["cohorts"].values() for each in row["formats"]}
    return formats | {f"{key}={value}" for each in keys for key, value in each.items()}
