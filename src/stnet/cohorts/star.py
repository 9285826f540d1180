"""Expression tables of the Genomic Data Commons (GDC), workflow "STAR - Counts"."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.checksums import check_record
from stnet.core.errors import InputError

COLUMNS = ["gene_id", "gene_name", "fpkm_unstranded"]


def read_star(path: str | Path) -> pd.DataFrame:
    """Read the FPKM of a sample's genes.

    The rows `N_unmapped`, `N_multimapping`, … are counts of reads and are dropped. Genes of the
    pseudoautosomal regions have two rows, one for chromosome X and one, `…_PAR_Y`, for Y. The rows
    for Y are dropped: the GDC aligns to GRCh38.d1.vd1, where these regions of Y are masked, so all
    reads are counted on X and the rows for Y are zero.

    Args:
        path: TSV with a header after lines that begin with `#`; it needs the columns `gene_id`,
            `gene_name` and `fpkm_unstranded`.

    Returns:
        Table indexed by Ensembl id without version, in the file's order, with `gene_name` and
        `fpkm_unstranded` (float64, not negative).

    Raises:
        InputError: names the file and the missing column, damaged row, invalid value or repeated
            gene.

    Source: ours; the format is the GDC's.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such STAR table; download it")
    check_record(path)
    _check_end(path)
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        skipped = next((i for i, line in enumerate(lines) if not line.startswith("#")), 0)
        # A header with a tab too many would give each column another's values.
        if len({line.count("\t") for line in lines[skipped:]}) > 1:
            raise ValueError("its rows differ in their number of columns")
        table = pd.read_csv(
            path, sep="\t", skiprows=skipped, dtype=str, na_filter=False, quoting=csv.QUOTE_NONE
        )
    except (ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a STAR table ({reason}); download it again") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; use a table of the GDC's workflow STAR -"
            " Counts"
        )
    ids = table["gene_id"].astype(str)
    table = table[~ids.str.startswith("N_") & ~ids.str.endswith("_PAR_Y")]
    if table.empty:
        raise InputError(f"{path}: has no genes; download it again")
    genes = pd.Index(table["gene_id"].str.partition(".")[0], name="gene_id")
    if genes.has_duplicates:
        repeated = genes[genes.duplicated()][0]
        raise InputError(f"{path}: gene {repeated} is repeated; download it again")
    return pd.DataFrame(
        {
            "gene_name": table["gene_name"].to_numpy(),
            "fpkm_unstranded": _numbers(table["fpkm_unstranded"].to_numpy(), genes, path),
        },
        index=genes,
    )


def _check_end(path: Path) -> None:
    """Raise InputError if the last line has no end: a truncated table may otherwise look valid."""
    with open(path, "rb") as file:
        file.seek(max(path.stat().st_size - 1, 0))
        if file.read() != b"\n":
            raise InputError(f"{path}: truncated, its last line has no end; download it again")


def _numbers(texts: np.ndarray, genes: pd.Index, path: Path) -> np.ndarray:
    try:
        values = texts.astype(np.float64)
    except ValueError:
        values = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if wrong.size:
        raise InputError(
            f"{path}: fpkm_unstranded of gene {genes[wrong[0]]} is {texts[wrong[0]]!r}, not a"
            " non-negative number; download it again"
        )
    return values
