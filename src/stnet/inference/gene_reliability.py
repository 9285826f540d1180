"""Reliability of a model's genes: how well each was predicted in held-out patients."""

from pathlib import Path

import pandas as pd

from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table, write_table

COLUMNS = ["consistent", "n_consistent", "n_patients", "median_pearson"]


def write_gene_reliability(
    targets: str | Path, gene_performance: str | Path, output: str | Path
) -> None:
    """Write a model's genes, a row each, with `COLUMNS` of the gene performance.

    `targets` is a file of `stnet.expression.targets.write_targets` with the model's genes. A gene
    that was not evaluated is not consistent.
    """
    genes = read_h5ad(targets, backed=True).var[["symbol", "ensembl"]].astype(str)
    performance = read_table(gene_performance).set_index("gene").reindex(genes.index)
    genes = genes.join(performance[COLUMNS])
    genes["consistent"] = genes["consistent"].eq(True)
    write_table(genes.reset_index(names="gene"), output)


def read_gene_reliability(path: str | Path) -> pd.DataFrame:
    """Reliability by gene, from a table of `write_gene_reliability` or of gene performance.

    Raises InputError if the file is missing, has other columns, or has another word than True and
    False as `consistent`.
    """
    if not Path(path).is_file():
        raise InputError(
            f"{path}: no such file; a model is its .safetensors and the .genes.tsv beside it"
        )
    table = read_table(path)
    missing = [name for name in ("gene", *COLUMNS) if name not in table]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; fetch it again")
    words = table["consistent"].astype(str)
    damaged = table[~words.isin(["True", "False"])]
    if len(damaged):
        gene, word = damaged.iloc[0][["gene", "consistent"]]
        raise InputError(
            f"{path}: consistent is {word!r} for gene {gene}, not True or False; fetch it again"
        )
    return table.set_index("gene")[COLUMNS].assign(consistent=words.eq("True").to_numpy())
