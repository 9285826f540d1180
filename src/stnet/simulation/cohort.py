"""Files that all sections of the simulated cohort share: truth, gene identifiers, metadata."""

import csv
from pathlib import Path

import pandas as pd

from stnet.config.section_sheet import read_sheet
from stnet.core.checksums import recorded_path
from stnet.simulation.counts import simulate_genes

# Columns of the section sheet by column of version 5's metadata.csv.
METADATA_COLUMNS = {
    "histology_image": "image",
    "count_matrix": "counts",
    "spot_coordinates": "spots",
    "tumor_annotation": "labels",
}


def write_genes(truth: str | Path, genes: str | Path, *, seed: int, controls: bool = False) -> None:
    """Write the planted genes, of a cohort of controls if so, and the table of gene identifiers.

    - `truth`: the table of `simulate_genes`, TSV.
    - `genes`: columns of HGNC's complete set, TSV; it lacks some of the cohort's genes.

    Source: ours.
    """
    table = simulate_genes(seed, controls=controls)
    with recorded_path(truth) as temporary:
        table.to_csv(temporary, sep="\t", index=False, lineterminator="\n")
    with recorded_path(genes) as temporary:
        _identifiers(table).to_csv(temporary, sep="\t", index=False, lineterminator="\n")


def write_metadata(sheet: str | Path, metadata: str | Path) -> None:
    """Write the sections of `sheet` and their files as CSV, in the format of version 5.

    Raises InputError as `read_sheet`. Source: ours; the columns are the ST cohort's.
    """
    with recorded_path(metadata) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["type", "patient", "replicate", *METADATA_COLUMNS])
        for row in read_sheet(sheet, "", check_files=False):
            replicate = row["section"].removeprefix(f"{row['patient']}_")
            files = [row[column] for column in METADATA_COLUMNS.values()]
            writer.writerow(["simulated", row["patient"], replicate, *files])


def _identifiers(genes: pd.DataFrame) -> pd.DataFrame:
    """HGNC's columns for all genes except the ambiguous ones and every hundredth."""
    named = genes[(genes["symbol"] != "") & (genes.index % 100 != 99)]
    symbols = named["symbol"]
    return pd.DataFrame(
        {
            "hgnc_id": [f"HGNC:{9_900_000 + row}" for row in named.index],
            "symbol": symbols,
            "ensembl_gene_id": named["gene"],
            "alias_symbol": (symbols + "A|" + symbols + "B").where(named.index % 10 == 0, ""),
            "prev_symbol": ("OLD" + symbols).where(named.index % 20 == 0, ""),
        }
    )
