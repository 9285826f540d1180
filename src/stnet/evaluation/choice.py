"""Which gene a cohort's figures show."""

import sys

import pandas as pd


def choose_gene(genes: pd.DataFrame, wanted: str | None) -> pd.Series:
    """Row of the gene performance with the `wanted` symbol or id, else of the highest median r."""
    named = genes[(genes["symbol"] == wanted) | (genes["gene"] == wanted)]
    if len(named):
        return named.iloc[0]
    best = genes.sort_values("median_pearson", ascending=False, kind="stable").iloc[0]
    if wanted is not None:
        print(f"{wanted} is no target gene: {best['gene']} is shown instead", file=sys.stderr)
    return best
