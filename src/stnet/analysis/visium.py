"""How well models do on Visium sections, in the few numbers that the paper gives of them."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import pandas as pd
from anndata.io import read_elem

from stnet.core.tables import read_table, summary_table, write_table


def write_visium_summary(
    predictions: Sequence[str | Path],
    patient_table: str | Path,
    section_table: str | Path,
    output: str | Path,
) -> None:
    """Write `quantity value` of the predictions of Visium sections, and `….{section}` of each.

    - `genes`: those of the model that are measured;
    - `positive_genes`, `mean_r`: of a gene's Pearson r over the spots of all sections of a patient
      (the median, of several patients; the paper has one), how many are above zero, and the mean
      over genes;
    - `mean_auroc`: the mean over genes of a gene's AUROC, taken over patients first;
    - `median_counts`: over the spots, of their total counts.

    There are no intervals: the paper's sections are of one patient, and spots are not independent.
    Those over several patients are in the summary of `evaluate`.

    Args:
        predictions: files of the sections' predictions, of which only the spots' table is read.
        patient_table, section_table: of `stnet.evaluation.performance.evaluate` on them.
        output: TSV.

    Source: Results, "External validation"; the released code has nothing of it.
    """
    spots = pd.concat([_spots(path) for path in predictions], ignore_index=True)
    found = {
        **_of_genes(read_table(patient_table), ""),
        "median_counts": float(spots["total_counts"].median()),
    }
    sections = read_table(section_table)
    for section, counts in spots.groupby("section", sort=False)["total_counts"]:
        of_section = sections[sections["section"] == section]
        found |= _of_genes(of_section, f".{section}")
        found[f"median_counts.{section}"] = float(counts.median())
    write_table(summary_table(found), output)


def _spots(path: str | Path) -> pd.DataFrame:
    with h5py.File(path) as file:
        obs = read_elem(file["obs"])
    return obs[["section", "total_counts"]].astype({"section": str})


def _of_genes(performance: pd.DataFrame, ending: str) -> dict[str, object]:
    """Quantities over the genes of a table of performance, their names with an ending."""
    genes = performance.groupby("gene", sort=False)
    r = genes["pearson"].median()
    return {
        f"genes{ending}": len(genes),
        f"positive_genes{ending}": int((r > 0).sum()),
        f"mean_r{ending}": float(r.mean()),
        f"mean_auroc{ending}": float(genes["auroc"].mean().mean()),
    }
