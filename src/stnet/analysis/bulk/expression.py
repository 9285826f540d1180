"""Bulk expression of an external cohort: STAR tables put together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.cohorts.star import read_star
from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError


def write_bulk(
    tables: Sequence[str | Path], rows: Sequence[Mapping[str, str]], output: str | Path
) -> None:
    """Write ln(1 + FPKM) of all samples, one STAR table in memory at a time.

    The paper compares with "TCGA RNA-seq" and does not say in what form; FPKM was how the Genomic
    Data Commons gave it, and the log is ours: Pearson's r of raw FPKM would be that of a few
    patients.

    Args:
        tables: the samples' STAR tables.
        rows: `patient` and `sample` of each, as in the slide sheet, a row a table.
        output: AnnData: rows samples with obs patient and sample, X float32, var indexed by
            Ensembl id without version, with columns symbol and ensembl. No table gives no row and
            no gene.

    Raises:
        InputError: a table that `read_star` refuses, or one of other genes than the first.
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
    with atomic_path(output) as temporary:
        bulk.write_h5ad(temporary)


def _in_order(
    table: pd.DataFrame, genes: pd.Index, path: str | Path, first: str | Path
) -> pd.DataFrame:
    """The table's rows in the order of `genes`, which must be the same."""
    other = genes.symmetric_difference(table.index)
    if len(other):
        raise InputError(
            f"{path}: {len(other)} genes, as {other[0]}, are in only one of it and {first}; take"
            " tables of one release of the annotation"
        )
    return table.loc[genes]
