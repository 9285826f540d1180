"""The simulated cohort as control: are the planted genes found, and the others not?"""

from pathlib import Path

import pandas as pd

from stnet.core.errors import InputError
from stnet.core.tables import read_table, write_table
from stnet.evaluation.correlation import auroc


def write_control(gene_table: str | Path, truth_table: str | Path, output: str | Path) -> None:
    """Write `control` of an experiment's gene table and the simulation's table of truth."""
    write_table(control(read_table(gene_table), read_table(truth_table)), output)


def control(genes: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Table `quantity value`: how median r over patients tells planted genes from the others.

    `truth` has `gene` and `planted` (0 or 1, or a boolean), and may have genes that are no target.
    `auroc` is the probability that a planted gene has the higher median r, a gene without one (a
    constant prediction) at 0; then number, mean, median and consistent genes of either kind.
    Raises InputError where a target gene is not in `truth` or one of the kinds is missing.
    Source: ours.
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
