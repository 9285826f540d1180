"""Correlation of expression with the nuclei of patches: number, size, shape, colour, distances.

Correlations are over the spots of a patient, and tests are over patients. Spots of a patient
resemble one another, so with spots as units any correlation would be significant.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.analysis.choice import top_genes
from stnet.config.strata import STRATA
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table, write_table
from stnet.evaluation.averages import mean
from stnet.evaluation.bootstrap import mean_interval
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
    """Correlate a gene's measured expression with the size and number of nuclei.

    Source: Results, "higher AEBP1 expression correlated with a smaller nucleus size and lower
    nuclei density".

    Args:
        targets: a file of `write_targets` with all spots of the cohort.
        features: nuclear features of the same spots.
        relation_table: output, `relations` over all spots and within tumour and normal tissue. If
            the gene is no target it has only a `note`, which is also logged.
        patient_table: output, the `correlations`.
        gene: symbol or id.
    """
    measured = read_h5ad(targets)
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
    """Correlate measured and predicted expression of the top five genes with nuclear features.

    The paper does not say which of its tables is of measured expression; the assignment is ours.

    Args:
        targets: a file of `write_targets` with all spots of the cohort.
        predictions: of all held-out groups of an experiment.
        gene_table: the gene table of the experiment, for the top genes.
        features: nuclear features of the spots of `targets`.
        outputs: paths by name. `measured` (Supp. Table 2) and `predicted` (Supp. Table 3):
            `relations` per gene and feature, with Benjamini-Hochberg over all of them. `genes`:
            `relations` of the mean r over the genes, per feature. `patients`: `correlations`. The
            last two have a column `expression`, `measured` or `predicted`.
    """
    names = read_h5ad(targets, backed=True).obs_names.tolist()
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
    """Number of nuclei and means of their features, a row per spot.

    Means are missing without nuclei. `features` is the cohort's file of nuclear features. `spots`
    are the names of all its spots, in order.
    """
    values, names = read_features(features, spots)
    nuclei = pd.DataFrame(values, index=pd.Index(spots), columns=names)
    return nuclei[[name for name in names if name == COUNT or name.endswith("_mean")]]


def correlations(spots: ad.AnnData, values: np.ndarray, nuclei: pd.DataFrame) -> pd.DataFrame:
    """A row per gene, patient and feature: `gene symbol patient feature n_spots r partial`.

    `values` (spots, genes) has the rows and genes of `spots`; `nuclei` has a row per spot. `r` is
    Pearson's r over the patient's spots in which both are defined, sections pooled; missing with
    fewer than four. `partial` is r given the ln of the spot's total counts and its square, because
    more nuclei give more counts.
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
    """Aggregate `correlations` over patients, a row per combination of `keys`.

    `n_patients`: patients with an r. `mean_r`: their mean, with its 95% t interval over
    patients. `t` and two-sided `p`: one-sample t-test of Fisher's z. `direction`: sign of t in
    words. `mean_partial` and `p_partial`: the same for `partial`. Source: ours, with patients as
    units; the paper names no test.
    """
    # Keep rows with the same first key together.
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
