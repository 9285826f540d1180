"""Expression against the nuclei of the patches: size, shape, colour, distances and number.

Correlations are within a patient, over its spots, and tests are over patients: spots of a patient
resemble one another, so that with spots as units any relation would be significant.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.analysis.choice import top_genes
from stnet.config.strata import STRATA
from stnet.core.tables import read_table, write_table
from stnet.evaluation.averages import mean
from stnet.evaluation.bootstrap import interval, patient_draws, resampled_means
from stnet.evaluation.consistency import benjamini_hochberg, fisher_t
from stnet.evaluation.correlation import statistics
from stnet.evaluation.held_out import of_stratum, read_predictions
from stnet.features.files import read_features

logger = logging.getLogger(__name__)

# Features of a patch: the number of its nuclei, and their mean area in square pixels of the view.
COUNT, SIZE = "count", "area_mean"


def write_gene_relations(
    targets: str | Path,
    features: str | Path,
    relation_table: str | Path,
    patient_table: str | Path,
    *,
    gene: str,
) -> None:
    """Write how a gene's measured expression goes with the size and number of the nuclei.

    `targets` and `features` have all spots of the cohort, the one their expression, the other the
    features of their nuclei; `gene` is a symbol or id. The tables are `relations` and
    `correlations` over all spots and within tumour and normal tissue. Where the gene is no target,
    a `note` is all there is, and it is said. Source: Results, "higher AEBP1 expression correlated
    with a smaller nucleus size and lower nuclei density".
    """
    measured = ad.read_h5ad(targets)
    nuclei = read_nuclei(features, measured.obs_names.tolist())[[COUNT, SIZE]]
    named = (measured.var_names == gene) | (measured.var["symbol"] == gene).to_numpy()
    measured = measured[:, np.flatnonzero(named)[:1]]
    parts = []
    for stratum in STRATA:
        spots = of_stratum(measured, stratum)
        of_patients = correlations(spots, np.asarray(spots.X), nuclei.loc[spots.obs_names])
        of_patients.insert(2, "stratum", stratum)
        parts.append(of_patients)
    everything = pd.concat(parts, ignore_index=True)
    table = relations(everything, ["gene", "symbol", "stratum", "feature"])
    table["note"] = ""
    if not named.any():
        table.loc[0, ["gene", "note"]] = gene, f"{gene} is not among the target genes"
        logger.warning(table.loc[0, "note"])
    write_table(table, relation_table)
    write_table(everything, patient_table)


def write_top_relations(
    targets: str | Path,
    predictions: Sequence[str | Path],
    gene_table: str | Path,
    features: str | Path,
    outputs: Mapping[str, str | Path],
) -> None:
    """Write how measured and predicted expression of the top genes go with the nuclei.

    `predictions` are those of all held-out groups of the experiment of `gene_table`, from which the
    top five genes are taken; `targets` and `features` as in `write_gene_relations`. `outputs` are
    paths by name: `measured` (Supp. Table 2) and `predicted` (Supp. Table 3) have the `relations`
    of each gene and feature, with Benjamini-Hochberg's p over both; `genes` has those of the mean r
    over the genes with each feature, and `patients` the `correlations`, in both with a column
    `expression` that says which. The paper does not say which expression each of its tables is of:
    ours.
    """
    names = ad.read_h5ad(targets, backed="r").obs_names.tolist()
    spots = read_predictions(predictions)[:, top_genes(read_table(gene_table))["gene"]]
    nuclei = read_nuclei(features, names).loc[spots.obs_names]
    of_genes, of_patients = [], []
    for name, values in (("measured", spots.layers["observed"]), ("predicted", spots.X)):
        found = correlations(spots, values, nuclei)
        table = relations(found, ["gene", "symbol", "feature"])
        table["p_bh"] = benjamini_hochberg(table["p"])
        write_table(table, outputs[name])
        means = found.groupby(["patient", "feature"], sort=False)[["r", "partial"]].mean()
        of_genes.append(relations(means.reset_index(), ["feature"]).assign(expression=name))
        of_patients.append(found.assign(expression=name))
    write_table(pd.concat(of_genes), outputs["genes"])
    write_table(pd.concat(of_patients), outputs["patients"])


def read_nuclei(features: str | Path, spots: Sequence[str]) -> pd.DataFrame:
    """Number of nuclei and the means of their features, a row a spot, missing without nuclei.

    `features` is a cohort's file of them, `spots` are the names of all its spots, in order.
    """
    values, names = read_features([features], spots)
    nuclei = pd.DataFrame(values, index=pd.Index(spots), columns=names)
    return nuclei[[name for name in names if name == COUNT or name.endswith("_mean")]]


def correlations(spots: ad.AnnData, values: np.ndarray, nuclei: pd.DataFrame) -> pd.DataFrame:
    """A row for each gene, patient and feature: `gene symbol patient feature n_spots r partial`.

    `values` (spots, genes) are of the rows and genes of `spots`, `nuclei` has a row a spot. `r` is
    Pearson's over the patient's spots in which both are defined, its sections pooled, and missing
    with fewer than four; `partial` is r given the logarithm of the spot's total counts, which
    more nuclei raise.
    """
    patients = spots.obs["patient"].astype(str).to_numpy()
    ln_total = np.log(spots.obs["total_counts"].to_numpy(dtype=float))
    genes = {"gene": spots.var_names, "symbol": spots.var["symbol"].to_numpy()}
    parts = [pd.DataFrame(columns=[*genes, "patient", "feature", "n_spots", "r", "partial"])]
    for patient in pd.unique(patients):
        rows = patients == patient
        expression = values[rows]
        for feature in nuclei:
            column = nuclei[feature].to_numpy()[rows, None]
            found = statistics(
                np.broadcast_to(column, expression.shape), expression, expression, ln_total[rows]
            )
            about = {"patient": patient, "feature": feature, "n_spots": found["n_spots"]}
            sides = {"r": found["pearson"], "partial": found["partial"]}
            parts.append(pd.DataFrame({**genes, **about, **sides}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def relations(of_patients: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """`correlations` over patients, a row for each of `keys`.

    `n_patients` have an r; `mean_r` is their mean with its 95% bootstrap interval over patients;
    `t` and the two-sided `p` are of a one-sample t-test of Fisher's z, and `direction` is the sign
    of t in words; `mean_partial` and `p_partial` are the same of `partial`. Source: the paper names
    no test; ours, with patients as units.
    """
    # Rows that share the first key together.
    order = np.argsort(pd.factorize(of_patients[keys[0]])[0], kind="stable")
    of_patients = of_patients.iloc[order]
    group = of_patients.groupby(keys, sort=False, dropna=False).ngroup()
    numbered = of_patients.assign(group=group)
    table = of_patients[keys].drop_duplicates(ignore_index=True)
    wide = {
        column: numbered.pivot(index="patient", columns="group", values=column)
        .reindex(columns=range(len(table)))
        .to_numpy(dtype=float)
        for column in ("r", "partial")
    }
    table["n_patients"] = np.isfinite(wide["r"]).sum(axis=0)
    table["mean_r"] = mean(wide["r"], axis=0)
    table["mean_r_low"], table["mean_r_high"] = mean_interval(wide["r"])
    table["t"], table["p"] = fisher_t(wide["r"], two_sided=True)
    table["direction"] = np.select([table["t"] > 0, table["t"] < 0], ["positive", "negative"], "")
    table["mean_partial"] = mean(wide["partial"], axis=0)
    table["p_partial"] = fisher_t(wide["partial"], two_sided=True)[1]
    return table


def mean_interval(values: np.ndarray) -> np.ndarray:
    """95% bootstrap interval (2, …) over patients of the mean of (patients, …).

    Missing with fewer than two patients that have a value.
    """
    bounds = np.full((2, values.shape[1]), np.nan)
    if len(values) > 1:
        bounds = interval(resampled_means(values, patient_draws(len(values))))
    bounds[:, np.isfinite(values).sum(axis=0) < 2] = np.nan
    return bounds
