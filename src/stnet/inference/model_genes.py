"""The table of gene reliability that goes with a model's file."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stnet.core.checksums import check_record
from stnet.core.hashing import file_sha256
from stnet.core.tables import as_text, read_table, write_table
from stnet.evaluation.conformal import half_widths
from stnet.evaluation.held_out import read_predictions
from stnet.inference.card import read_card
from stnet.inference.gene_reliability import CHECKSUM, COLUMNS, PERFORMANCE, checksum


def write_gene_reliability(
    model: str | Path,
    gene_performance: str | Path,
    output: str | Path,
    *,
    predictions: Sequence[str | Path],
) -> None:
    """Write a model's genes, a row each, with the columns of the gene performance and intervals.

    `model` is a file of `stnet.inference.model.write_model`, `predictions` are those of held-out
    patients; none if patients were not held out whole. A gene that was not evaluated is not
    consistent. Raises InputError if a file is damaged.
    """
    check_record(model)
    genes = pd.DataFrame(read_card(model)["genes"]).set_index("gene")
    genes = genes.join(read_table(gene_performance).set_index("gene")[PERFORMANCE])
    genes["consistent"] = genes["consistent"].eq(True)
    if predictions:
        genes = genes.join(half_widths(read_predictions(predictions)))
    genes = genes.reindex(columns=[*genes.columns.difference(COLUMNS, sort=False), *COLUMNS])
    genes["n_calibration"] = genes["n_calibration"].fillna(0).astype(int)
    genes = genes.reset_index()
    column = checksum(as_text(genes), file_sha256(model))
    write_table(genes.assign(**{CHECKSUM: column}), output)
