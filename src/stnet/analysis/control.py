"""Positive control on the simulated cohort: are the planted genes predicted, and no others?"""

from pathlib import Path

import pandas as pd

from stnet.core.errors import InputError
from stnet.core.tables import read_table, write_table
from stnet.evaluation.correlation import auroc


def write_control(gene_table: str | Path, truth_table: str | Path, output: str | Path) -> None:
    """Write `control` of an experiment's gene table and the simulation's truth table."""
    write_table(control(read_table(gene_table), read_table(truth_table)), output)


def control(genes: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Table `quantity value`: how well the median r separates planted genes from the others.

    `truth` has `gene` and `planted` (0 or 1, or a boolean), and may have genes that are no target.
    `auroc` is the probability that a planted gene has a higher median r than another gene. A gene
    without r (a constant prediction) counts as 0. Then follow, for planted and unplanted genes,
    their number, mean and median r, and number of consistent genes. Raises InputError if a target
    gene is not in `truth`, or if no target gene is planted or all are. Source: ours.
    """
    planted = truth.set_index("gene")["planted"].reindex(genes["gene"])
    if planted.isna().any():
        raise InputError(f"truth table: no row for gene {planted.index[planted.isna()][0]}")
    planted = planted.astype(bool).to_numpy()
    r = genes["median_pearson"].fillna(0.0).to_numpy()
    if planted.all() or not planted.any():
        raise InputError(
            "truth table: the targets need both planted and unplanted genes; "
            "change the number of target genes or of planted ones"
        )
    found = {"auroc": auroc(r, planted, ~planted)}
    for kind, chosen in (("planted", planted), ("unplanted", ~planted)):
        found[f"genes_{kind}"] = chosen.sum()
        found[f"median_pearson_{kind}"] = pd.Series(r[chosen]).median()
        found[f"mean_pearson_{kind}"] = r[chosen].mean()
        found[f"consistent_genes_{kind}"] = genes["consistent"].to_numpy()[chosen].sum()
    return pd.DataFrame({"quantity": list(found), "value": [float(v) for v in found.values()]})
