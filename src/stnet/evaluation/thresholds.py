"""How many genes are predicted in at least so many patients, whatever a test says of the number."""

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
    """A row for each stratum and number of patients: `stratum n_patients at_least genes fdr …`.

    `genes` has the gene tables by stratum, that of `all` among them. `genes` of the table counts
    those with r > 0 in `at_least` patients, and `fdr` is the largest Holm-adjusted p among them.
    `fdr_excused` is the same if the patients without a spot of the stratum counted as consistent in
    every gene: the paper's 0.06 of normal tissue is that, while its text leaves those patients out.
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
