"""The items of REFORMS (Kapoor et al. 2024) that the files of a run answer."""

import csv
from collections.abc import Collection, Sequence
from pathlib import Path

TABLE = Path(__file__).with_name("reforms.tsv")


def reforms(there: Collection[str], cohorts: Sequence[str]) -> str:
    """A TSV with a row per item: the files of `there` that answer it, and what is left to say.

    The questions are in our words. Source: ours.
    """
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    lines = ["item\tmodule\tquestion\tanswered_by\tleft_to_the_authors"]
    for row in rows:
        named = [
            name.format(tables=f"results/{cohort}/tables")
            for cohort in cohorts
            for name in row["files"].split()
        ]
        files = " ".join(name for name in dict.fromkeys(named) if name in there)
        left = row["note"] if files else "all of it"
        lines.append("\t".join([row["item"], row["module"], row["question"], files, left]))
    return "\n".join(lines)
