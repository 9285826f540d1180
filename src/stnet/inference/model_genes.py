"""The table of gene reliability that goes with a model's file."""

from pathlib import Path

import pandas as pd

from stnet.core.checksums import check_record
from stnet.core.hashing import file_sha256
from stnet.core.tables import as_text, read_table, write_table
from stnet.inference.card import read_card
from stnet.inference.gene_reliability import CHECKSUM, COLUMNS, checksum


def write_gene_reliability(
    model: str | Path, gene_performance: str | Path, output: str | Path
) -> None:
    """Write a model's genes, a row each, with `COLUMNS` of the gene performance.

    `model` is a file of `stnet.inference.model.write_model`. A gene that was not evaluated is not
    consistent. Raises InputError if a file is damaged.
    """
    check_record(model)
    genes = pd.DataFrame(read_card(model)["genes"]).set_index("gene")
    performance = read_table(gene_performance).set_index("gene").reindex(genes.index)
    genes = genes.join(performance[COLUMNS])
    genes["consistent"] = genes["consistent"].eq(True)
    genes = genes.reset_index()
    column = checksum(as_text(genes), file_sha256(model))
    write_table(genes.assign(**{CHECKSUM: column}), output)
