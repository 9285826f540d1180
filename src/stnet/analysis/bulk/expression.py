"""Collect the bulk expression of an external cohort from STAR tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.cohorts.star import read_star
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad


def write_bulk(
    tables: Sequence[str | Path], rows: Sequence[Mapping[str, str]], output: str | Path
) -> None:
    """Write ln(1 + FPKM) of all samples, one STAR table in memory at a time.

    The paper compares with "TCGA RNA-seq" and does not say in which unit. The Genomic Data Commons
    distributed FPKM. The log is ours: a few patients would dominate Pearson's r of raw FPKM.

    Args:
        tables: STAR tables of the samples.
        rows: `patient` and `sample` per table, as in the slide sheet.
        output: AnnData with a row per sample (obs patient and sample), X float32, and var indexed
            by Ensembl id without version (columns symbol and ensembl). Without tables it is empty.

    Raises:
        InputError: an invalid table (`read_star`), or tables with different genes.
    """
    genes = pd.DataFrame({"gene_name": []}, dtype=str)
    values = np.empty((0, 0), dtype=np.float32)
    for number, path in enumerate(tables):
        table = read_star(path)
        if number == 0:
            genes = table[["gene_name"]]
            values = np.empty((len(tables), len(genes)), dtype=np.float32)
        elif not table.index.equals(genes.index):
            table = _in_order(table, genes.index, path, tables[0])
        values[number] = np.log1p(table["fpkm_unstranded"].to_numpy())
    names = pd.Index(genes.index, dtype=str, name="gene")
    bulk = ad.AnnData(
        values,
        obs=pd.DataFrame(
            {key: [row[key] for row in rows] for key in ("patient", "sample")},
            index=[row["sample"] for row in rows],
            dtype=str,
        ),
        var=pd.DataFrame({"symbol": genes["gene_name"].to_numpy(), "ensembl": names}, index=names),
    )
    write_h5ad(bulk, output, compression=None)


def _in_order(
    table: pd.DataFrame, genes: pd.Index, path: str | Path, first: str | Path
) -> pd.DataFrame:
    """The table's rows in the order of `genes`, which must be the same."""
    other = genes.symmetric_difference(table.index)
    if len(other):
        raise InputError(
            f"{path}: {len(other)} genes, such as {other[0]}, are only in it or only in {first};"
            " use tables of the same annotation release"
        )
    return table.loc[genes]
