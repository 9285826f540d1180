"""Performance on Visium sections, in the numbers that the paper gives."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from anndata.io import read_elem

from stnet.core.h5ad import open_h5ad
from stnet.core.tables import read_table, summary_table, write_table


def write_visium_summary(
    predictions: Sequence[str | Path],
    patient_table: str | Path,
    section_table: str | Path,
    output: str | Path,
) -> None:
    """Write `quantity value` of Visium sections together, and as `….{section}` of each section.

    - `genes`: genes of the model that are measured;
    - `positive_genes`: genes with r > 0, and `mean_r`: mean over genes of r. r is Pearson's over
      the spots of all sections of a patient; with several patients it is the median over them (the
      paper has one patient);
    - `mean_auroc`: mean over genes of the mean AUROC over patients; `mean_auroc_depth`: that of
      the spots' total counts alone;
    - `median_counts`: median total counts of the spots.

    There are no intervals: the paper's sections are of one patient, and spots are not independent.
    The summary of `evaluate` has intervals over patients.

    Args:
        predictions: predictions of the sections; only `obs` is read.
        patient_table, section_table: of `stnet.evaluation.performance.evaluate` on them.
        output: TSV.

    Source: Results, "External validation"; not in the released code.
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
    with open_h5ad(path) as file:
        obs = read_elem(file["obs"])
    return obs[["section", "total_counts"]].astype({"section": str})


def _of_genes(performance: pd.DataFrame, ending: str) -> dict[str, object]:
    """Quantities over the genes of a performance table; names get `ending`."""
    genes = performance.groupby("gene", sort=False)
    r = genes["pearson"].median()
    return {
        f"genes{ending}": len(genes),
        f"positive_genes{ending}": int((r > 0).sum()),
        f"mean_r{ending}": float(r.mean()),
        f"mean_auroc{ending}": float(genes["auroc"].mean().mean()),
        f"mean_auroc_depth{ending}": float(genes["auroc_depth"].mean().mean()),
    }
