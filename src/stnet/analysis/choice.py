"""The genes that a cohort's tables and figures show."""

import logging

import pandas as pd

from stnet.core.tables import gene_name

logger = logging.getLogger(__name__)

# Number of top genes: Table 1, and Results, "the top five genes".
TOP = 5


def choose_gene(genes: pd.DataFrame, wanted: str | None) -> pd.Series:
    """Row of the gene table with the `wanted` symbol or id, or else with the highest median r.

    Logs a warning if the `wanted` gene is no target.
    """
    named = genes[(genes["symbol"] == wanted) | (genes["gene"] == wanted)]
    if len(named):
        return named.iloc[0]
    best = genes.sort_values("median_pearson", ascending=False, kind="stable").iloc[0]
    if wanted is not None:
        shown = gene_name(best)
        logger.warning(f"{wanted} is no target gene: {shown} is shown instead")
    return best


def top_genes(genes: pd.DataFrame) -> pd.DataFrame:
    """The five rows of the gene table with the highest median r, highest first.

    Fewer if fewer genes have an r. Source: Table 1; Results, "the top five genes for which ST-Net
    captured the highest variation in intra-tumour expression".
    """
    ordered = genes.sort_values("median_pearson", ascending=False, kind="stable")
    return ordered.dropna(subset="median_pearson").head(TOP)
