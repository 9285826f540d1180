"""Expression tables of the Genomic Data Commons (GDC), workflow "STAR - Counts"."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.errors import InputError

COLUMNS = ["gene_id", "gene_name", "fpkm_unstranded"]


def read_star(path: str | Path) -> pd.DataFrame:
    """FPKM of a sample's genes.

    The rows `N_unmapped`, `N_multimapping`, … are counts of reads, not genes. Genes of the
    pseudoautosomal regions are there twice, on chromosome X and, as `…_PAR_Y`, on Y; without
    version the two ids are one. The copies on Y are left out: the GDC aligns to GRCh38.d1.vd1,
    where these regions of Y are masked, so that all reads of such a gene are counted on X and the
    row of Y is zero in every sample.

    Args:
        path: TSV, its header after lines that begin with `#`; of its columns `gene_id`,
            `gene_name` and `fpkm_unstranded` are used.

    Returns:
        Table indexed by Ensembl id without version, in the file's order, with `gene_name` and
        `fpkm_unstranded` (float64, not negative).

    Raises:
        InputError: naming the file and its missing column, damaged row, value that is no number,
            or gene that is there twice.

    Source: ours; the format is the GDC's.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such STAR table; download it")
    _check_end(path)
    try:
        with open(path, encoding="utf-8") as file:
            skipped = next((i for i, line in enumerate(file) if not line.startswith("#")), 0)
        table = pd.read_csv(
            path, sep="\t", skiprows=skipped, dtype=str, na_filter=False, quoting=csv.QUOTE_NONE
        )
    except (ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a STAR table ({reason}); download it again") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; it should be of the GDC's workflow STAR -"
            " Counts"
        )
    ids = table["gene_id"].astype(str)
    table = table[~ids.str.startswith("N_") & ~ids.str.endswith("_PAR_Y")]
    if table.empty:
        raise InputError(f"{path}: no gene in it; download it again")
    genes = pd.Index(table["gene_id"].str.partition(".")[0], name="gene_id")
    if genes.has_duplicates:
        twice = genes[genes.duplicated()][0]
        raise InputError(f"{path}: gene {twice} is there twice; download it again")
    return pd.DataFrame(
        {
            "gene_name": table["gene_name"].to_numpy(),
            "fpkm_unstranded": _numbers(table["fpkm_unstranded"].to_numpy(), genes, path),
        },
        index=genes,
    )


def _check_end(path: Path) -> None:
    """A table cut off within its last column looks whole but for its last line's end."""
    with open(path, "rb") as file:
        file.seek(max(path.stat().st_size - 1, 0))
        if file.read() != b"\n":
            raise InputError(f"{path}: cut off, its last line has no end; download it again")


def _numbers(texts: np.ndarray, genes: pd.Index, path: Path) -> np.ndarray:
    try:
        values = texts.astype(np.float64)
    except ValueError:
        values = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if wrong.size:
        raise InputError(
            f"{path}: fpkm_unstranded of gene {genes[wrong[0]]} is {texts[wrong[0]]!r}, not a"
            " number from 0 on; download it again"
        )
    return values
