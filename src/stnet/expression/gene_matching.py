"""Finding a model's genes in another cohort: by Ensembl id, then by symbol, then by older names."""

from collections.abc import Iterable

import pandas as pd

from stnet.expression.genes import GeneTable

COLUMNS = ["gene", "symbol", "match", "by", "reason"]
# What two genes share that are matched by each.
SHARED = {"ensembl": "Ensembl id", "symbol": "symbol", "alias": "approved symbol"}


def align(model: pd.DataFrame, own: pd.DataFrame, table: GeneTable | None) -> pd.DataFrame:
    """Find each of a model's genes among those that a cohort measures.

    A gene is found by its Ensembl id without version, or else by its symbol, or else by what the
    table says that symbol is called today, on either side: a symbol may be an alias or a previous
    one. A symbol whose gene has by its Ensembl id another approved symbol is not compared as it
    stands. Only matches that are unique both ways count: a gene is lost where the cohort has
    several of its id or name, or where another gene of the model claims the same one by the same
    means, or has it already by a better one.

    Args:
        model: `symbol` and `ensembl` ("" where unknown) of the model's genes, indexed by id.
        own: the same of the genes measured.
        table: symbols, aliases and previous symbols; None to do without.

    Returns:
        A row a gene of the model, in order: gene, symbol; match, the id of the gene found or "";
        by, one of `ensembl`, `symbol`, `alias` or ""; reason, in words why there is no match.

    Source: ours; the paper aligns by name without saying how.
    """
    steps = {"ensembl": (_accessions(model), _accessions(own))}
    steps["symbol"] = (_symbols(model, table), _symbols(own, table))
    if table:
        steps["alias"] = (_approved(model, table), _approved(own, table))
    # Match, means and reason by gene of the model; and by gene of the cohort, who has it.
    found: dict[str, tuple[str, str, str]] = {}
    taken: dict[str, str] = {}
    for by, (wanted, offered) in steps.items():
        open_genes = {
            gene: name for gene, name in zip(model.index, wanted, strict=True) if gene not in found
        }
        _match(by, open_genes, _grouped(offered, own.index), found, taken)
    unsure = _unsure(own, table) if table else {}
    rows = []
    for gene, symbol, accession in zip(model.index, model["symbol"], model["ensembl"], strict=True):
        if gene not in found:
            found[gene] = ("", "", _why_lost(symbol, accession, table, unsure))
        rows.append([gene, symbol, *found[gene]])
    return pd.DataFrame(rows, columns=COLUMNS)


def _match(
    by: str,
    wanted: dict[str, str],
    offered: dict[str, list[str]],
    found: dict[str, tuple[str, str, str]],
    taken: dict[str, str],
) -> None:
    """One means of matching: enter into `found` and `taken` what it decides.

    `wanted` has the id or name of the model's genes that are still to be found, `offered` the
    cohort's genes by theirs.
    """
    claims: dict[str, list[str]] = {}
    for gene, name in wanted.items():
        candidates = offered.get(name, [])
        if len(candidates) > 1:
            listed = ", ".join(candidates)
            reason = f"{len(candidates)} genes of {SHARED[by]} {name}: {listed}"
            found[gene] = ("", "", reason)
        elif candidates:
            claims.setdefault(candidates[0], []).append(gene)
    for match, genes in claims.items():
        if match in taken:
            reason = f"{match}, of its {SHARED[by]}, is the match of {taken[match]}"
        elif len(genes) > 1:
            reason = f"{len(genes)} genes of the model have {match}'s {SHARED[by]}: " + ", ".join(
                genes
            )
        else:
            reason = ""
        for gene in genes:
            found[gene] = ("", "", reason) if reason else (match, by, "")
        taken.setdefault(match, ", ".join(genes))


def _why_lost(
    symbol: str, accession: str, table: GeneTable | None, unsure: dict[str, list[str]]
) -> str:
    """Reason for a gene that nothing in the cohort was found for."""
    if not (symbol or accession):
        return "its name is of no single gene"
    approved = table.symbol_of(accession) if table else ""
    meanings = {approved} if approved else table.meanings(symbol) if table else set()
    if len(meanings) > 1:
        return f"{symbol} may be any of {', '.join(sorted(meanings))}"
    candidates = [gene for meaning in meanings for gene in unsure.get(meaning, [])]
    if candidates:
        return f"the name of {', '.join(candidates)} may be its or another gene's"
    return "not measured"


def _unsure(own: pd.DataFrame, table: GeneTable) -> dict[str, list[str]]:
    """Genes of the cohort whose symbol was several genes', by each of these."""
    found: dict[str, list[str]] = {}
    for gene, symbol, accession in zip(own.index, own["symbol"], own["ensembl"], strict=True):
        meanings = table.meanings(symbol)
        if len(meanings) > 1 and not table.symbol_of(accession):
            for meaning in meanings:
                found.setdefault(meaning, []).append(gene)
    return found


def _grouped(names: Iterable[str], genes: Iterable[str]) -> dict[str, list[str]]:
    """Genes by name, those without one left out."""
    grouped: dict[str, list[str]] = {}
    for name, gene in zip(names, genes, strict=True):
        if name:
            grouped.setdefault(name, []).append(gene)
    return grouped


def _accessions(genes: pd.DataFrame) -> list[str]:
    return [accession.partition(".")[0] for accession in genes["ensembl"]]


def _symbols(genes: pd.DataFrame, table: GeneTable | None) -> list[str]:
    """Symbols as they stand, but those that the gene's Ensembl id says are not its own."""
    if table is None:
        return genes["symbol"].to_list()
    return [
        symbol if table.symbol_of(accession) in ("", symbol) else ""
        for symbol, accession in zip(genes["symbol"], genes["ensembl"], strict=True)
    ]


def _approved(genes: pd.DataFrame, table: GeneTable) -> list[str]:
    """Today's symbols, by the Ensembl id where the table knows it."""
    return [
        table.symbol_of(accession) or table.approved(symbol)
        for symbol, accession in zip(genes["symbol"], genes["ensembl"], strict=True)
    ]
