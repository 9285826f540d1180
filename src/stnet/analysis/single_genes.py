"""Compare networks that predict a single gene with the network that predicts all genes."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.core.errors import InputError
from stnet.core.tables import read_table, write_table
from stnet.evaluation.paired import gene_medians, mean_gain, paired

ENDS = ["difference", "difference_low", "difference_high"]


def write_single_genes(
    genes: str | Path,
    patients: str | Path,
    alone: Mapping[str, str | Path],
    output: str | Path,
    summary: str | Path,
    *,
    experiments: Mapping[str, Mapping[str, object]],
) -> None:
    """Write `single_genes` and its `summarise`.

    Args:
        genes, patients: gene and patient table of the experiment that predicts all genes.
        alone: patient tables of the single-gene experiments, by symbol.
        output, summary: outputs, TSV.
        experiments: more columns by symbol: name of the experiment, and the splits.
    """
    tables = {symbol: read_table(path) for symbol, path in alone.items()}
    together = read_table(patients)
    table = single_genes(read_table(genes), together, tables)
    about = pd.DataFrame([experiments[symbol] for symbol in table["symbol"]])
    write_table(pd.concat([table, about], axis=1), output)
    write_table(summarise(together, tables), summary)


def single_genes(
    genes: pd.DataFrame, together: pd.DataFrame, alone: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """A row per gene: its median r predicted together and alone, and the difference.

    Medians are over the `n_patients` in which both r are defined. `difference` is together minus
    alone, with a 95% interval over these patients. `genes` gives the symbols of the genes predicted
    together. Raises InputError if a gene is not among them, or if its experiment predicts other
    genes or has no patient in common. Source: Supplementary Fig. 12; the interval is ours.
    """
    symbols = genes.set_index("gene")["symbol"]
    rows = []
    for symbol, own in alone.items():
        gene, *others = own["gene"].unique()
        if others or symbol not in (gene, symbols.get(gene, symbol)):
            raise InputError(
                f"report.single_genes: the experiment of {symbol} predicts "
                f"{', '.join([gene, *others[:2]])}; its targets must be {symbol} alone"
            )
        if gene not in symbols:
            raise InputError(
                f"report.single_genes: {symbol} is no target gene of the main experiment; "
                "take genes that it predicts"
            )
        medians = gene_medians(together, own)
        if medians.empty:
            raise InputError(
                f"report.single_genes: the experiment of {symbol} has no patient in common with the"
                " main one; take one of the same cohort and split"
            )
        medians = medians.iloc[0]
        rows.append(
            {
                "gene": gene,
                "symbol": symbol,
                "n_patients": paired(together, own)[0]["pearson"].count(),
                "median_pearson_together": medians["median"],
                "median_pearson_alone": medians["median_other"],
                **dict(zip(ENDS, mean_gain(together, own), strict=True)),
            }
        )
    return pd.DataFrame(rows)


def summarise(together: pd.DataFrame, alone: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Table `quantity value ci_low ci_high unit`: the mean over genes of the difference.

    `mean_difference` is the mean over genes of the median r together minus alone, `mean_together`
    that of the median r together.
    """
    own = pd.concat(alone.values(), ignore_index=True)
    unit = "patients" if together["patient"].nunique() > 1 else ""
    rows = [
        ("n_genes", len(alone), None, None, ""),
        ("mean_together", gene_medians(together, own)["median"].mean(), None, None, ""),
        ("mean_difference", *mean_gain(together, own), unit),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "ci_low", "ci_high", "unit"])
