"""Variation of measured expression within tumour and within normal tissue."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.config.split import ALL
from stnet.config.strata import CLASSES, STRATA
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import write_table
from stnet.evaluation.averages import median
from stnet.evaluation.held_out import of_stratum

# Quantiles of expression, by column of the table of `spread`.
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


def write_spread(targets: str | Path, spread_table: str | Path, gene_table: str | Path) -> None:
    """Write `spread` of a targets file, and `spread_of_genes`."""
    measured = read_h5ad(targets)
    found = spread(measured)
    write_table(found, spread_table)
    write_table(spread_of_genes(measured, found), gene_table)


def spread(measured: ad.AnnData) -> pd.DataFrame:
    """A row per gene, stratum and patient: `n_spots mean sd q05 … q95` of expression.

    `measured` is (spots, genes) in target units; column `transform` names them. Patient `all` has
    the spots of all patients. A patient without spots of the stratum has no row. The s.d. of a
    single spot is missing. The variation includes counting noise and sequencing depth. Source:
    Results, "Substantial expression variation was observed within just the tumour or just the
    normal tissue"; the statistics are ours.
    """
    parts = []
    for stratum in STRATA:
        spots = of_stratum(measured, stratum)
        patients = spots.obs["patient"].astype(str).to_numpy()
        for name in [*pd.unique(patients), ALL] if len(patients) else []:
            values = np.asarray(spots.X, dtype=np.float64)[(patients == name) | (name == ALL)]
            quantiles = np.quantile(values, [*QUANTILES.values()], axis=0)
            parts.append(
                pd.DataFrame(
                    {
                        "gene": measured.var_names,
                        "symbol": measured.var["symbol"].to_numpy(),
                        "stratum": stratum,
                        "patient": name,
                        "n_spots": len(values),
                        "mean": values.mean(axis=0),
                        "sd": values.std(axis=0, ddof=1) if len(values) > 1 else np.nan,
                        **dict(zip(QUANTILES, quantiles, strict=True)),
                        "transform": measured.uns["targets"]["transform"],
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def spread_of_genes(measured: ad.AnnData, found: pd.DataFrame) -> pd.DataFrame:
    """A row per gene: `n_patients within_class`, and the median s.d. over patients.

    `within_class` is the share of the variance among labelled spots of a patient that the classes
    do not explain: 1 − (sum of squares between classes) / (total sum of squares), with sums over
    the `n_patients` patients with both classes. `sd_all`, `sd_tumour` and `sd_normal` are medians
    of the table `found` of `spread`. Source: ours.
    """
    labels = measured.obs["label"].astype(object).to_numpy()
    patients = measured.obs["patient"].astype(str).to_numpy()
    values = np.asarray(measured.X, dtype=np.float64)
    within, total, n_patients = np.zeros(measured.n_vars), np.zeros(measured.n_vars), 0
    for name in pd.unique(patients):
        rows = [(patients == name) & (labels == label) for label in CLASSES]
        if not all(chosen.any() for chosen in rows):
            continue
        n_patients += 1
        total += _squares(values[rows[0] | rows[1]])
        within += _squares(values[rows[0]]) + _squares(values[rows[1]])
    share = np.divide(within, total, out=np.full_like(total, np.nan), where=total > 0)
    table = pd.DataFrame(
        {
            "gene": measured.var_names,
            "symbol": measured.var["symbol"].to_numpy(),
            "n_patients": n_patients,
            "within_class": share,
        }
    )
    for stratum in STRATA:
        of_patients = found[(found["stratum"] == stratum) & (found["patient"] != ALL)]
        wide = of_patients.pivot(index="patient", columns="gene", values="sd")
        sds = wide.reindex(columns=measured.var_names).to_numpy(dtype=float)
        table[f"sd_{stratum}"] = median(sds, axis=0) if len(sds) else np.nan
    return table


def _squares(values: np.ndarray) -> np.ndarray:
    return np.square(values - values.mean(axis=0)).sum(axis=0)
