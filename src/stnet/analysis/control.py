"""Control on a simulated cohort: which kinds of planted genes does each method find?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stnet.core.errors import InputError
from stnet.core.tables import count_consistent
from stnet.evaluation.bootstrap import with_interval
from stnet.evaluation.correlation import auroc
from stnet.evaluation.paired import differences
from stnet.evaluation.performance_summary import estimates

# r, and r given depth.
QUANTITIES = ["median_pearson", "median_partial"]
# Kinds of genes that follow no field of the tissue.
UNPLANTED = ["none", "depth"]


def controls(
    genes: Mapping[str, pd.DataFrame],
    patients: Mapping[str, pd.DataFrame],
    truth: pd.DataFrame,
) -> pd.DataFrame:
    """Performance by kind of planted gene, a row per kind and experiment.

    Columns: `kind`; `experiment`; `genes`, their number; `median_pearson` and `median_partial`,
    medians over the kind's genes of the median over patients of r, and of r given depth; `auroc`,
    the probability that a gene of the kind has a higher median r than a gene that is not planted
    (one without r, as in a constant prediction, counts as 0); `consistent_genes` and, by r given
    depth, `consistent_genes_partial`; and how far the first experiment is ahead in both medians,
    over the genes and patients with both r: `lead_pearson` and `lead_partial`. Medians and leads
    have 95% intervals over patients in `…_low` and `…_high`; the first experiment's leads over
    itself are 0.

    Args:
        genes: gene performance by experiment, the main one first.
        patients: patient performance by experiment.
        truth: table of `simulate_genes`, which may have genes that are no target.

    Raises:
        InputError: a target gene is not in `truth`, or no target gene is planted or all are.

    Source: ours.
    """
    main = next(iter(patients.values()))
    followed = {name: _followed(table, truth) for name, table in genes.items()}
    rows = []
    for kind in _kinds(truth):
        for name, kinds in followed.items():
            chosen, planted = (kinds == kind).to_numpy(), ~kinds.isin(UNPLANTED).to_numpy()
            if not chosen.any():
                continue
            names = genes[name]["gene"][chosen].tolist()
            own = patients[name][patients[name]["gene"].isin(names)]
            row = {"kind": kind, "experiment": name, "genes": len(names)}
            found, n_patients = estimates(own, names), own["patient"].nunique()
            for quantity in QUANTITIES:
                row |= _with_ends(quantity, with_interval(found[quantity], n_patients))
            r = genes[name]["median_pearson"].fillna(0.0).to_numpy()
            row["auroc"] = np.nan if kind in UNPLANTED else float(auroc(r, chosen, ~planted))
            for ending in ("", "_partial"):
                consistent = genes[name][f"consistent{ending}"]
                row[f"consistent_genes{ending}"] = count_consistent(consistent[chosen])
            for quantity, lead in differences(main, own, QUANTITIES).items():
                row |= _with_ends(quantity.replace("median", "lead"), lead)
            rows.append(row)
    return pd.DataFrame(rows)


def _followed(genes: pd.DataFrame, truth: pd.DataFrame) -> pd.Series:
    """What each gene of a table follows: its kind."""
    kinds = truth.set_index("gene")["kind"].reindex(genes["gene"])
    if kinds.isna().any():
        gene = kinds.index[kinds.isna()][0]
        raise InputError(f"truth table: no row for gene {gene}; delete the table and rerun")
    if kinds.isin(UNPLANTED).nunique() == 1:
        raise InputError(
            "truth table: the targets need both planted and unplanted genes; "
            "change the number of target genes or of planted ones"
        )
    return kinds


def _kinds(truth: pd.DataFrame) -> list[str]:
    """Fields that genes follow, in the order of their columns, and the kind of the others."""
    kinds = truth["kind"].unique()
    return sorted(kinds, key=[*truth.columns, *kinds].index)


def _with_ends(name: str, found: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip([name, f"{name}_low", f"{name}_high"], found, strict=True))
