"""Predictions with what is known of their genes in training."""

from pathlib import Path

import anndata as ad
import pandas as pd

from stnet.core.h5ad import read_h5ad
from stnet.core.tables import FEWEST_PATIENTS, TOO_FEW
from stnet.inference.account import hardly_varies
from stnet.inference.gene_reliability import read_gene_reliability


def read_with_reliability(predictions: str | Path, reliability: str | Path | None) -> ad.AnnData:
    """Read predictions with what is known of a gene in training.

    That is `consistent`, `n_patients` and `median_pearson`.

    These columns of `var` come from the table of gene reliability, or are in the predictions
    already where `reliability` is None.
    """
    table = read_h5ad(predictions, needs=["var/range_share", "obs/abstained"])
    if reliability is not None:
        genes = read_gene_reliability(reliability, table.uns["provenance"]["weights_sha256"])
        genes = genes.reindex(table.var_names)
        table.var["consistent"] = genes["consistent"].eq(True)
        table.var[["n_patients", "median_pearson"]] = genes[["n_patients", "median_pearson"]]
    return table


def doubt(gene: pd.Series) -> str:
    """Why a gene is to be doubted, from its row of `var`; empty if it is not."""
    if not gene["consistent"]:
        few = gene["n_patients"] < FEWEST_PATIENTS
        return f"{TOO_FEW} to judge it" if few else "not consistent in training"
    return "hardly varies here" if hardly_varies(gene) else ""
