"""Match a model's genes to another cohort's by Ensembl id, then symbol, then older names."""

from collections.abc import Iterable

import pandas as pd

from stnet.expression.genes import GeneTable

COLUMNS = ["gene", "symbol", "match", "by", "reason"]
# Name of each means of matching, for messages.
SHARED = {"ensembl": "Ensembl id", "symbol": "symbol", "alias": "approved symbol"}


def align(model: pd.DataFrame, own: pd.DataFrame, table: GeneTable) -> pd.DataFrame:
    """Match each of a model's genes to a gene that a cohort measures.

    A gene is matched by its Ensembl id without version, or else by its symbol, or else by its
    approved symbol: the table maps aliases and previous symbols of either side to approved ones. A
    symbol is not used for matching if the table gives another approved symbol for the gene's
    Ensembl id. Matches must be unique both ways. A gene is lost if the cohort has several genes
    with its id or name, if another gene of the model matches the same gene by the same means, or if
    that gene is already matched by a better means.

    Args:
        model: `symbol` and `ensembl` ("" if unknown) of the model's genes, indexed by id.
        own: the same for the measured genes.
        table: symbols, aliases and previous symbols; an empty one to match without them.

    Returns:
        One row per gene of the model, in order: gene, symbol; match, the id of the matched gene or
        ""; by, one of `ensembl`, `symbol`, `alias` or ""; reason, why there is no match.

    Source: ours; the paper aligns by name without saying how.
    """
    steps = {
        "ensembl": (_accessions(model), _accessions(own)),
        "symbol": (_symbols(model, table), _symbols(own, table)),
        "alias": (_approved(model, table), _approved(own, table)),
    }
    # (match, by, reason) of each gene of the model; gene of the model by matched gene.
    found: dict[str, tuple[str, str, str]] = {}
    taken: dict[str, str] = {}
    for by, (wanted, offered) in steps.items():
        open_genes = {
            gene: name for gene, name in zip(model.index, wanted, strict=True) if gene not in found
        }
        _match(by, open_genes, _grouped(offered, own.index), found, taken)
    unsure = _unsure(own, table)
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
    """Match genes by one means, and add the results to `found` and `taken`.

    `wanted` has the id or name of each gene of the model that is not matched yet; `offered` has the
    cohort's genes by id or name.
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


def _why_lost(symbol: str, accession: str, table: GeneTable, unsure: dict[str, list[str]]) -> str:
    """Reason why a gene has no match in the cohort."""
    if not (symbol or accession):
        return "its name is of no single gene"
    approved = table.symbol_of(accession)
    meanings = {approved} if approved else table.meanings(symbol)
    if len(meanings) > 1:
        return f"{symbol} may be any of {', '.join(sorted(meanings))}"
    candidates = [gene for meaning in meanings for gene in unsure.get(meaning, [])]
    if candidates:
        return f"the name of {', '.join(candidates)} may be its or another gene's"
    return "not measured"


def _unsure(own: pd.DataFrame, table: GeneTable) -> dict[str, list[str]]:
    """Genes of the cohort with an ambiguous symbol, by each of its possible approved symbols."""
    found: dict[str, list[str]] = {}
    for gene, symbol, accession in zip(own.index, own["symbol"], own["ensembl"], strict=True):
        meanings = table.meanings(symbol)
        if len(meanings) > 1 and not table.symbol_of(accession):
            for meaning in meanings:
                found.setdefault(meaning, []).append(gene)
    return found


def _grouped(names: Iterable[str], genes: Iterable[str]) -> dict[str, list[str]]:
    """Genes by name, without those that have no name."""
    grouped: dict[str, list[str]] = {}
    for name, gene in zip(names, genes, strict=True):
        if name:
            grouped.setdefault(name, []).append(gene)
    return grouped


def _accessions(genes: pd.DataFrame) -> list[str]:
    return [accession.partition(".")[0] for accession in genes["ensembl"]]


def _symbols(genes: pd.DataFrame, table: GeneTable) -> list[str]:
    """Symbols as written; "" if the table gives another symbol for the gene's Ensembl id."""
    return [
        symbol if table.symbol_of(accession) in ("", symbol) else ""
        for symbol, accession in zip(genes["symbol"], genes["ensembl"], strict=True)
    ]


def _approved(genes: pd.DataFrame, table: GeneTable) -> list[str]:
    """Approved symbols, by Ensembl id if the table knows it, else by symbol."""
    return [
        table.symbol_of(accession) or table.approved(symbol)
        for symbol, accession in zip(genes["symbol"], genes["ensembl"], strict=True)
    ]
