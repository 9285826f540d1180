"""Aggregate statistics per gene and patient to statistics per gene."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from stnet.core.tables import FEWEST_PATIENTS, by_patient
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import OF_R, interval, patient_draws, resampled_medians
from stnet.evaluation.consistency import (
    benjamini_hochberg,
    binomial_p,
    choose_rule,
    fisher_t,
    holm,
    wilson,
)

# Medians over patients in the gene table, and their columns in the patient table.
MEDIANS = {
    "median_pearson": "pearson",
    "median_pearson_smooth": "pearson_smooth",
    "median_spearman": "spearman",
    "median_partial": "partial",
    "median_depth": "depth",
}
WITH_INTERVAL = ["median_pearson", "median_pearson_smooth"]
COLUMNS = [
    "gene",
    "symbol",
    "n_patients",
    "n_consistent",
    "p",
    "p_holm",
    "median_pearson",
    "median_pearson_smooth",
    "median_spearman",
    "mean_auroc",
    "rmse",
    "p_bh",
    "t",
    "p_t",
    "p_t_bh",
    "consistent",
    "n_consistent_smooth",
    "wilson_low",
    "wilson_high",
    "median_partial",
    "median_depth",
    *("n_consistent_partial", "consistent_partial", "mean_auroc_partial", "mean_auroc_depth"),
    *[f"{name}_{end}" for name in WITH_INTERVAL for end in ("low", "high")],
]


def gene_performance(
    patients: pd.DataFrame, symbols: pd.Series, excused: Collection[str] = ()
) -> pd.DataFrame:
    """The gene table, a row per gene, from the patient table.

    `symbols` maps genes to symbols and gives the order of the rows. A patient counts in
    `n_patients` if at least one of its spots has a prediction of the gene. An undefined r counts as
    not consistent and is left out of medians and means. Patients in `excused` without an r in any
    gene count as consistent in every gene. `consistent` is missing if patients are too few to say
    (`choose_rule`). `consistent_partial` is the same test for r given depth (`partial`). `rmse` is
    over all spots. The 95% intervals have the patient as unit: by bootstrap for medians
    (`interval`), by Wilson for the number of consistent patients. They need two patients.
    """
    patients = patients[patients["n_spots"] > 0]
    names = symbols.index.astype(str).tolist()
    values = {column: by_patient(patients, column, names) for column in MEDIANS.values()}
    n_spots = np.nan_to_num(by_patient(patients, "n_spots", names))
    evaluated = n_spots > 0
    pardoned = np.isin(patients["patient"].unique(), list(excused))
    pardoned &= np.isnan(values["pearson"]).all(axis=1)
    pardoned = pardoned[:, None] & evaluated
    n_patients = evaluated.sum(axis=0)
    n_consistent = ((values["pearson"] > 0) | pardoned).sum(axis=0)
    squared = np.square(by_patient(patients, "rmse", names))

    table = pd.DataFrame({"gene": names, "symbol": symbols.to_numpy()})
    table["n_patients"] = n_patients
    table["n_consistent"] = n_consistent
    for ending in ("smooth", "partial"):
        r = values["pearson_smooth" if ending == "smooth" else ending]
        table[f"n_consistent_{ending}"] = ((r > 0) | pardoned).sum(axis=0)
    table["wilson_low"], table["wilson_high"] = wilson(n_consistent, n_patients)
    for name, column in MEDIANS.items():
        table[name] = median(values[column], axis=0) if len(evaluated) else np.nan
    for name in WITH_INTERVAL:
        bounds = np.full((2, len(names)), np.nan)
        if n_patients.max(initial=0) > 1:
            draws = patient_draws(len(evaluated))
            of_patients = values[MEDIANS[name]]
            n_values = np.isfinite(of_patients).sum(axis=0)
            bounds = interval(table[name], resampled_medians(of_patients, draws), n_values, OF_R)
        table[f"{name}_low"], table[f"{name}_high"] = bounds
    for column in ("auroc", "auroc_partial", "auroc_depth"):
        table[f"mean_{column}"] = mean(by_patient(patients, column, names), axis=0)
    with np.errstate(invalid="ignore"):
        table["rmse"] = np.sqrt(np.nansum(squared * n_spots, axis=0) / n_spots.sum(axis=0))
    table["p"] = binomial_p(n_consistent, n_patients)
    table["p_holm"] = holm(table["p"])
    table["p_bh"] = benjamini_hochberg(table["p"])
    table["t"], table["p_t"] = fisher_t(values["pearson"])
    table["p_t_bh"] = benjamini_hochberg(table["p_t"])
    has_r = np.isfinite(values["pearson"])
    rule = choose_rule(n_patients.max(initial=0), has_r.any(axis=1).sum(), len(names))
    if rule.name == "few":
        return table.assign(consistent=np.nan, consistent_partial=np.nan)[COLUMNS]
    table["consistent"] = table[rule.column] <= rule.level
    if rule.name == "holm":
        given_depth = holm(binomial_p(table["n_consistent_partial"], n_patients))
    else:
        given_depth = benjamini_hochberg(fisher_t(values["partial"])[1])
    table["consistent_partial"] = given_depth <= rule.level
    if rule.name == "t":
        # The t-test leaves undefined r out, so a gene may have fewer patients than the others.
        table.loc[has_r.sum(axis=0) < FEWEST_PATIENTS, ["consistent", "consistent_partial"]] = False
    return table[COLUMNS]
