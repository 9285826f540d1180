"""Convert between Ensembl ids and gene symbols, including old symbols."""

import re
from collections.abc import Mapping
from pathlib import Path

from stnet.core.checksums import check_record
from stnet.core.errors import InputError
from stnet.core.tsv import columns_of, rows_of

# Of a gene; the first group is the id without version.
ENSEMBL_ID = re.compile(r"(ENS[A-Z]*G\d+)(\.\d+)?")
COLUMNS = ["symbol", "ensembl_gene_id", "prev_symbol", "alias_symbol"]


class GeneTable:
    """Approved symbols with their Ensembl ids, previous symbols and aliases."""

    def __init__(
        self,
        ensembl: Mapping[str, str],
        previous: Mapping[str, set[str]],
        alias: Mapping[str, set[str]],
    ):
        """Index the Ensembl ids ("" if it has none), and symbols by previous symbol and alias."""
        self._ensembl, self._previous, self._alias = ensembl, previous, alias
        symbols: dict[str, set[str]] = {}
        for symbol, gene in ensembl.items():
            symbols.setdefault(gene, set()).add(symbol)
        self._symbols = symbols

    def symbol_of(self, ensembl: str) -> str:
        """Approved symbol of an Ensembl id, with or without version; "" if unknown or ambiguous."""
        gene = ensembl.partition(".")[0]
        return _only(self._symbols.get(gene, set())) if gene else ""

    def meanings(self, symbol: str) -> set[str]:
        """Approved symbols of the genes that a symbol may stand for.

        A symbol is looked up among approved symbols, then previous symbols, then aliases. Names are
        reused, so the first list that has the symbol decides. Several entries there make it
        ambiguous.
        """
        if symbol in self._ensembl:
            return {symbol}
        return self._previous.get(symbol) or self._alias.get(symbol) or set()

    def approved(self, symbol: str) -> str:
        """Approved symbol of a symbol's gene; "" if it is unknown or ambiguous (`meanings`)."""
        return _only(self.meanings(symbol))

    def ensembl_of(self, symbol: str) -> str:
        """Ensembl id of a symbol's gene; "" without an approved symbol or an Ensembl id."""
        return self._ensembl.get(self.approved(symbol), "")


def read_gene_table(path: str | Path | None) -> GeneTable:
    """Read HGNC's complete set, a TSV with one row per approved gene. Without a path it is empty.

    It needs the columns `symbol`, `ensembl_gene_id`, `prev_symbol` and `alias_symbol`; the last two
    have several names separated by `|`. Raises InputError naming the file and the missing column,
    or the missing or repeated symbol, or if the table is not as it was downloaded.
    """
    if path is None:
        return GeneTable({}, {}, {})
    check_record(path)
    ensembl: dict[str, str] = {}
    names: dict[str, dict[str, set[str]]] = {"prev_symbol": {}, "alias_symbol": {}}
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        header, rows = columns_of(
            path,
            list(rows_of(file, path, "\t")),
            COLUMNS,
            "\t",
            padded=False,
            hint="it should be HGNC's complete set",
        )
        places = {name: header.index(name) for name in COLUMNS}
        for line, cells in rows:
            row = {name: cells[at] for name, at in places.items()}
            symbol = row["symbol"]
            if not symbol or symbol in ensembl:
                raise InputError(
                    f"{path} line {line}: symbol {symbol!r} is empty or repeated; download the"
                    " table again"
                )
            ensembl[symbol] = row["ensembl_gene_id"]
            for column, by_name in names.items():
                for name in filter(None, row[column].split("|")):
                    by_name.setdefault(name, set()).add(symbol)
    if not ensembl:
        raise InputError(f"{path}: has no genes; download the table again")
    return GeneTable(ensembl, names["prev_symbol"], names["alias_symbol"])


def _only(values: set[str]) -> str:
    return next(iter(values)) if len(values) == 1 else ""
