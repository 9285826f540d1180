"""Summary of an experiment's performance."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stnet.core.tables import TOO_FEW, by_patient
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import (
    ANY,
    OF_R,
    resampled_means,
    resampled_medians,
    with_interval,
)
from stnet.evaluation.consistency import BH_LEVEL, HOLM_LEVEL, choose_rule
from stnet.evaluation.genes import MEDIANS

MEANS = {
    "mean_pearson": "pearson",
    "mean_auroc": "auroc",
    "mean_auroc_partial": "auroc_partial",
    "mean_auroc_depth": "auroc_depth",
}
POSSIBLE = {
    "rmse": (0, np.inf),
    **dict.fromkeys(MEDIANS, OF_R),
    **{name: OF_R if name == "mean_pearson" else (0, 1) for name in MEANS},
}


def summarise(genes: pd.DataFrame, patients: pd.DataFrame, sections: pd.DataFrame) -> pd.DataFrame:
    """Table `quantity value ci_low ci_high unit` from the tables of genes, patients and sections.

    - `median_…`: median over genes of the median over patients; `mean_…`: mean over genes of the
      mean over patients; `median_pearson_section`: median over genes of the median over sections;
      `rmse`: over all spots and genes; `median_pearson_gain`: of `median_pearson` if measurements
      are smoothed;
    - `…_partial`: given the ln of the spots' total counts and its square;
      `mean_auroc_depth`: of the total counts alone;
    - `n_patients_with_r`: patients with an r in at least one gene. A patient with fewer than four
      spots in the stratum counts in `n_patients`, but is consistent in no gene;
    - `fdr`: the largest adjusted p among the consistent genes; `consistency_rule`: `holm`, `t`,
      `few` (numbers of consistent genes are then the words `TOO_FEW`) or `none`;
      `consistency_reason`: the rule in words.

    Intervals are 95% bootstrap intervals over the `unit`. One patient gives none. Numbers of genes
    have none, because duplicate patients in resamples would bias them.
    """
    patients = patients[patients["n_spots"] > 0]
    sections = sections[sections["n_spots"] > 0]
    names = genes["gene"].tolist()
    n_patients = patients["patient"].nunique()
    of_sections = sections.groupby("gene")["pearson"].median().reindex(names)
    n_with_r = patients.loc[patients["pearson"].notna(), "patient"].nunique()
    found = {
        "n_patients": n_patients,
        "n_patients_with_r": n_with_r,
        "n_sections": sections["section"].nunique(),
        "n_spots": int(patients.groupby("patient")["n_spots"].max().sum()),
        "n_genes": len(genes),
        **_consistency(genes, n_with_r),
        "median_pearson_section": median(of_sections.to_numpy(dtype=float), axis=0),
    }
    rows = [(name, value, np.nan, np.nan, "") for name, value in found.items()]
    unit = "patients" if n_patients > 1 else ""
    for name, estimate in estimates(patients, names).items():
        possible = POSSIBLE.get(name, ANY)
        rows.append((name, *with_interval(estimate, n_patients, possible), unit))
    table = pd.DataFrame(rows, columns=["quantity", "value", "ci_low", "ci_high", "unit"])
    # The column also holds words, so numbers are formatted here.
    table["value"] = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in table["value"]]
    return table.replace({"value": {"nan": ""}})


def estimates(
    patients: pd.DataFrame, names: list[str]
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Quantities of the patient table as functions of drawn patients.

    Each maps (samples, patients), indices of patients in order of appearance, to (samples,).
    """
    n_spots = by_patient(patients, "n_spots", names)
    squared_error = np.nansum(n_spots * np.square(by_patient(patients, "rmse", names)), axis=1)
    n_values = np.nansum(n_spots, axis=1)

    def rmse(draws: np.ndarray) -> np.ndarray:
        return np.sqrt(squared_error[draws].sum(axis=1) / n_values[draws].sum(axis=1))

    def median_of(column: str) -> Callable[[np.ndarray], np.ndarray]:
        values = by_patient(patients, column, names)
        return lambda draws: median(resampled_medians(values, draws), axis=1)

    def mean_of(column: str) -> Callable[[np.ndarray], np.ndarray]:
        values = by_patient(patients, column, names)
        return lambda draws: mean(resampled_means(values, draws), axis=1)

    raw, smooth = median_of("pearson"), median_of("pearson_smooth")
    return {
        "rmse": rmse,
        "median_pearson_gain": lambda draws: smooth(draws) - raw(draws),
        **{name: median_of(column) for name, column in MEDIANS.items()},
        **{name: mean_of(column) for name, column in MEANS.items()},
    }


def _consistency(genes: pd.DataFrame, n_with_r: int) -> dict[str, object]:
    n_patients = int(genes["n_patients"].max())
    rule = choose_rule(n_patients, n_with_r, len(genes))
    few = rule.name == "few"
    consistent = genes[genes["consistent"].eq(True)]
    found = {
        "consistency_rule": rule.name if n_patients else "none",
        "consistency_reason": rule.reason if n_patients else "no spot to evaluate",
        "consistent_genes": len(consistent),
        "fdr": consistent[rule.column].max(),
        "fewest_consistent_patients": consistent["n_consistent"].min(),
        "consistent_genes_holm": int((genes["p_holm"] <= HOLM_LEVEL).sum()),
        "consistent_genes_bh": int((genes["p_bh"] <= BH_LEVEL).sum()),
        "consistent_genes_t": int((genes["p_t_bh"] <= BH_LEVEL).sum()),
        "consistent_genes_partial": int(genes["consistent_partial"].sum()),
    }
    # Also by the binomial test, which can reject with few patients if there are few genes.
    return {n: TOO_FEW if few and n.startswith("consistent_genes") else v for n, v in found.items()}
