"""Reliability of a model's genes: how well each was predicted in held-out patients.

It includes half-widths of the intervals for a new patient (`stnet.evaluation.conformal`).
"""

import hashlib
from pathlib import Path

import pandas as pd

from stnet.config.levels import LEVELS
from stnet.core.errors import InputError
from stnet.core.tables import read_table
from stnet.evaluation.conformal import column

PERFORMANCE = ["consistent", "n_consistent", "n_patients", "median_pearson"]
COLUMNS = [*PERFORMANCE, "n_calibration", *map(column, LEVELS)]
# The same in every row: the hash of the table's other columns and of the model's file. The two
# files are copied to other machines, without the record that other tables have beside them.
CHECKSUM = "checksum"


def checksum(text: str, model_sha256: str) -> str:
    """The checksum of a table's text, without its column `CHECKSUM`, and of the model's file."""
    return hashlib.sha256((model_sha256 + text).encode()).hexdigest()[:16]


def read_gene_reliability(path: str | Path, model_sha256: str) -> pd.DataFrame:
    """Reliability by gene, from a table of `write_gene_reliability`.

    `model_sha256` is the hash of the model's file. Raises InputError if the table is missing or
    damaged, or of another model.
    """
    if not Path(path).is_file():
        raise InputError(
            f"{path}: no such file; a model is its .safetensors and the .genes.tsv beside it"
        )
    table = read_table(path)
    missing = [name for name in ("gene", *COLUMNS, CHECKSUM) if name not in table]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}: cut, or of an older version; fetch it again,"
            " or write it with this version"
        )
    words = table["consistent"].astype(str)
    unknown = table[~words.isin(["True", "False"])]
    if len(unknown):
        gene, word = unknown.iloc[0][["gene", "consistent"]]
        raise InputError(
            f"{path}: consistent is {word!r} for gene {gene}, not True or False; fetch it again"
        )
    lines = Path(path).read_bytes().decode().split("\n")[:-1]
    text = "".join(line.rpartition("\t")[0] + "\n" for line in lines)
    if {line.rpartition("\t")[2] for line in lines[1:]} != {checksum(text, model_sha256)}:
        raise InputError(f"{path}: damaged, or of another model; fetch it again with its model")
    return table.set_index("gene")[COLUMNS].assign(consistent=words.eq("True").to_numpy())
