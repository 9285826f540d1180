"""Correlate predicted pseudo-bulk with bulk expression over patients, gene by gene."""

import numpy as np
import pandas as pd
from scipy import stats

from stnet.evaluation.consistency import BH_LEVEL, benjamini_hochberg

# With two patients r is always 1 or -1.
FEWEST_PATIENTS = 3


def correlate(predicted: np.ndarray, observed: np.ndarray) -> pd.DataFrame:
    """Pearson's r over patients per gene, with a two-sided p.

    Both are (patients, genes). Patients without a measurement of a gene are left out for that gene.
    A gene without any measurement does not count in the adjustment of p. r is undefined with fewer
    than three patients, or if either side is constant.

    Returns:
        A row per gene: n_patients, pearson, p, p_bh (adjusted over the measured genes),
        significant_positive and significant_negative (p_bh at most 0.05).

    Source: Results, "significantly positive for 55 genes (FDR of 0.05)"; Methods, "Pearson's
    correlation for each gene was computed over all of the patients". The paper does not say how
    its FDR was controlled: Benjamini-Hochberg is ours.
    """
    finite = np.isfinite(predicted) & np.isfinite(observed)
    n = finite.sum(axis=0)
    r, p, p_bh = np.full((3, len(n)), np.nan)
    for gene in np.flatnonzero(n >= FEWEST_PATIENTS):
        x, y = (side[finite[:, gene], gene].astype(float) for side in (predicted, observed))
        if np.ptp(x) > 0 and np.ptp(y) > 0:
            r[gene], p[gene] = stats.pearsonr(x, y)
    p_bh[n > 0] = benjamini_hochberg(p[n > 0])
    significant = p_bh <= BH_LEVEL
    return pd.DataFrame(
        {
            **{"n_patients": n, "pearson": r, "p": p, "p_bh": p_bh},
            "significant_positive": significant & (r > 0),
            "significant_negative": significant & (r < 0),
        }
    )


def count_genes(genes: pd.DataFrame) -> dict[str, object]:
    """Numbers of genes, from the table of `correlate` with a column `match`.

    `genes` is the number found in the bulk tables. If too few patients have bulk expression for any
    r, the other numbers are undefined and `note` says so.
    """
    n_patients = int(genes["n_patients"].max()) if len(genes) else 0
    counts: dict[str, object] = {
        "positive_genes": int((genes["pearson"] > 0).sum()),
        "significant_genes": int(genes["significant_positive"].sum()),
        "significant_negative_genes": int(genes["significant_negative"].sum()),
    }
    note = ""
    if n_patients < FEWEST_PATIENTS:
        counts = dict.fromkeys(counts, np.nan)
        note = f"{n_patients} patients have tiles and bulk expression: r needs {FEWEST_PATIENTS}"
    return {"genes": int((genes["match"] != "").sum()), **counts, "note": note}
