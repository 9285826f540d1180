"""Number of genes with r > 0 in at least k patients, for every k."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.core.tables import read_table, write_table
from stnet.evaluation.consistency import binomial_p, holm


def write_thresholds(gene_tables: Mapping[str, str | Path], output: str | Path) -> None:
    """Write `thresholds` of an experiment's gene tables, by stratum."""
    tables = {stratum: read_table(path) for stratum, path in gene_tables.items()}
    write_table(thresholds(tables), output)


def thresholds(genes: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per stratum and number of patients: `stratum n_patients at_least genes fdr …`.

    The argument has the gene tables by stratum, including `all`. Column `genes` counts the genes
    with r > 0 in at least `at_least` patients; `fdr` is the largest Holm-adjusted p among them.
    `fdr_excused` is the same if patients without a spot of the stratum count as consistent in every
    gene. The paper's 0.06 for normal tissue is that, although its text leaves those patients out.
    Source: Results, "ST-Net detects intra-tumour variation".
    """
    everyone = genes["all"].set_index("gene")["n_patients"]
    rows = []
    for stratum, table in genes.items():
        absent = everyone.reindex(table["gene"]).to_numpy() - table["n_patients"]
        p = binomial_p(table["n_consistent"] + absent, table["n_patients"] + absent)
        p_excused = pd.Series(holm(p), index=table.index)
        n_patients = int(table["n_patients"].max())
        for least in range(1, n_patients + 1):
            chosen = table["n_consistent"] >= least
            rows.append(
                {
                    "stratum": stratum,
                    "n_patients": n_patients,
                    "at_least": least,
                    "genes": chosen.sum(),
                    "fdr": table["p_holm"][chosen].max(),
                    "fdr_excused": p_excused[chosen].max(),
                }
            )
    columns = ["stratum", "n_patients", "at_least", "genes", "fdr", "fdr_excused"]
    return pd.DataFrame(rows, columns=columns)
