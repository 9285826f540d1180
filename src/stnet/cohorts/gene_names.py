"""Which rows of a table of counts are genes, and what the genes are called."""

import logging
import re

import pandas as pd

from stnet.cohorts.text_tables import CountTable
from stnet.core.errors import InputError
from stnet.expression.genes import ENSEMBL_ID, GeneTable

logger = logging.getLogger(__name__)

# Rows that HTSeq and STAR add for reads of no gene. Reads of several genes, `__ambiguous[A+B]`, are
# in the paper's tables and stay.
SUMMARY_ROWS = re.compile(
    r"__(no_feature|ambiguous|too_low_aQual|not_aligned|alignment_not_unique)"
    r"|N_(unmapped|multimapping|noFeature|ambiguous)"
)
# What spreadsheets make of MARCH1 and SEPT2.
DATE = re.compile(r"\d{1,2}-(mar|sep|dec|oct)|(mar|sep|dec|oct)-\d{1,2}", re.IGNORECASE)
# Names such as `__ambiguous[A+B]`: reads that fit several genes.
NO_GENE = re.compile(r"__.*|.*[+\[\]].*")


def genes_only(counts: CountTable, path: str) -> CountTable:
    """Counts of `path` without those that HTSeq or STAR summed up over reads of no gene."""
    kept = [at for at, gene in enumerate(counts.genes) if not SUMMARY_ROWS.fullmatch(gene)]
    if len(kept) == len(counts.genes):
        return counts
    dropped = [gene for gene in counts.genes if SUMMARY_ROWS.fullmatch(gene)]
    logger.info(f"{path}: {', '.join(dropped)} are no genes; left out")
    genes = [counts.genes[at] for at in kept]
    symbols = [counts.symbols[at] for at in kept] if counts.symbols else ()
    return CountTable(counts.spots, genes, counts.matrix[:, kept], symbols)


def name_genes(path: str, counts: CountTable, table: GeneTable) -> pd.DataFrame:
    """`var`: distributed ids with symbol and Ensembl id, empty if unknown.

    If the table does not know a gene, its distributed name is used as the symbol. Raises InputError
    naming the counts' `path` if two columns are versions of one Ensembl id.
    """
    dates = [gene for gene in counts.genes if DATE.fullmatch(gene)]
    if dates:
        logger.warning(
            f"{path}: {len(dates)} genes are dates, such as {dates[0]}: a spreadsheet changed their"
            " names; use the file as it was before"
        )
    symbols, ensembl = [], []
    for pair in zip(counts.genes, counts.symbols or counts.genes, strict=True):
        # In some matrices the two are exchanged.
        gene, name = sorted(pair, key=lambda each: not ENSEMBL_ID.fullmatch(each))
        accession = ENSEMBL_ID.fullmatch(gene)
        if accession:
            known = table.symbol_of(accession[1])
            symbols.append(known or ("" if ENSEMBL_ID.fullmatch(name) else name))
            ensembl.append(accession[1])
        elif NO_GENE.fullmatch(gene):
            symbols.append("")
            ensembl.append("")
        else:
            symbols.append(name)
            ensembl.append(table.ensembl_of(name))
    names = pd.DataFrame({"symbol": symbols, "ensembl": ensembl}, index=counts.genes)
    accessions = names["ensembl"][[bool(ENSEMBL_ID.fullmatch(gene)) for gene in counts.genes]]
    twice = accessions.index[accessions.duplicated(keep=False)]
    if len(twice):
        raise InputError(
            f"{path}: {twice[0]} and {twice[1]} are versions of one gene; add their counts up, or"
            " keep one"
        )
    return names
