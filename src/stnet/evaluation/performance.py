"""Performance tables of an experiment: per patient, per section, per gene, and a summary."""

import logging
from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.core.tables import write_table
from stnet.evaluation.correlation import STATISTICS, statistics
from stnet.evaluation.genes import gene_performance
from stnet.evaluation.held_out import (
    of_stratum,
    read_predictions,
    single_class_patients,
)
from stnet.evaluation.measurements import measured, target_counts
from stnet.evaluation.performance_summary import summarise

logger = logging.getLogger(__name__)

# Interval and unit of a summary row that has none.
BLANK = (np.nan, np.nan, "")


def evaluate(
    predictions: Sequence[str | Path],
    patient_table: str | Path,
    section_table: str | Path,
    gene_table: str | Path,
    summary_table: str | Path,
    *,
    stratum: str,
    smoothing: str,
    lenient: bool,
) -> None:
    """Write the performance tables of an experiment's held-out predictions.

    Consistency is counted with r over all spots of a patient, sections pooled, as in the released
    code. The Methods say "for each gene and slide", which is the section table. A stratum without
    spots gives tables without patients and a warning.

    Args:
        predictions: the files of all held-out groups.
        patient_table, section_table, gene_table: outputs, TSV.
        summary_table: output, TSV; besides the estimates it has the transform of the targets and
            the initial weights of a network, or that the predictions were handed in.
        stratum: `all`, `tumour` or `normal`; only its spots are evaluated.
        smoothing: how the measurement is smoothed (`measured`).
        lenient: whether patients with a single label class count as consistent in every gene, as
            the paper evaluates its label baseline. It applies to stratum `all` only, because within
            the others every patient has a single class.

    Raises:
        InputError: predictions of different experiments (`read_predictions`).
    """
    everything = read_predictions(predictions)
    everything.layers["smooth"] = measured(everything, "targets", smoothing)
    spots = of_stratum(everything, stratum)
    if not spots.n_obs:
        logger.warning(f"no spot is labelled {stratum}: nothing to evaluate")
    patients = performance_by(spots, "patient")
    sections = performance_by(spots, "section")
    of_section = spots.obs.drop_duplicates("section").set_index("section")["patient"].astype(str)
    sections.insert(2, "patient", sections["section"].map(of_section))
    excused = single_class_patients(spots) if lenient and stratum == "all" else []
    patients.insert(1, "symbol", everything.var["symbol"].reindex(patients["gene"]).to_numpy())
    genes = gene_performance(patients, everything.var["symbol"], excused)
    write_table(patients, patient_table)
    write_table(sections, section_table)
    write_table(genes, gene_table)
    summary = summarise(genes, patients, sections)
    transform = everything.uns["targets"]["transform"]
    summary.loc[len(summary)] = ["transform", transform, *BLANK]
    for about in ("initial_weights", "origin"):
        if everything.uns[about]:
            summary.loc[len(summary)] = [about, everything.uns[about], *BLANK]
    write_table(summary, summary_table)


def performance_by(spots: ad.AnnData, unit: str) -> pd.DataFrame:
    """Statistics per gene and patient or section (`unit`), a row each.

    Columns: gene, the unit, n_spots and those of `statistics`. A gene without a measurement in any
    spot of the unit has no row. A gene without a count in any of them has no statistic given depth:
    its measurement is a function of the total counts alone.
    """
    ids = spots.obs[unit].astype(str).to_numpy()
    ln_total = np.log(spots.obs["total_counts"].to_numpy(dtype=float))
    predicted, observed, smooth = spots.X, spots.layers["observed"], spots.layers["smooth"]
    counted = (target_counts(spots) > 0) & np.isfinite(predicted)
    parts = []
    for name in pd.unique(ids):
        rows = ids == name
        is_target = np.isfinite(observed[rows]).any(axis=0)
        found = statistics(predicted[rows], observed[rows], smooth[rows], ln_total[rows])
        for given_depth in ("partial", "auroc_partial"):
            found[given_depth][~counted[rows].any(axis=0)] = np.nan
        part = pd.DataFrame({"gene": spots.var_names, unit: name, **found})[is_target]
        parts.append(part)
    columns = ["gene", unit, "n_spots", *STATISTICS]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns]
