"""Does the predicted pseudo-bulk of patients follow their bulk expression, gene by gene?"""

import numpy as np
import pandas as pd
from scipy import stats

from stnet.evaluation.consistency import BH_LEVEL, benjamini_hochberg

# With two patients r is 1 or -1, whatever they are.
FEWEST_PATIENTS = 3


def correlate(predicted: np.ndarray, observed: np.ndarray) -> pd.DataFrame:
    """Pearson's r over patients of each gene, with a two-sided p.

    Both are (patients, genes). A patient without a measurement of a gene is left out for it; a
    gene that none has measured is not shared, and is no hypothesis of the adjustment. r is
    undefined with fewer than three patients and where either side is constant.

    Returns:
        A row a gene: n_patients, pearson, p, p_bh (adjusted over the shared genes),
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
    """Numbers of genes by name, from the table of `correlate` and its column `match`.

    `genes` is how many were found in the bulk tables. The others are undefined, and `note` says
    why, where too few patients have bulk expression for any r.
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
