"""Over-representation of pathways among the consistently predicted genes.

The paper uses DAVID. Its groups (disease classes of the Genetic Association Database) are not
available as gene sets. Here a group is the union of the gene sets whose names match its patterns.
"""

import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.errors import InputError
from stnet.core.suggest import suggest
from stnet.core.tables import TOO_FEW, count_consistent, read_table, write_table
from stnet.evaluation.consistency import benjamini_hochberg
from stnet.expression.gene_sets import GeneSet, read_gene_sets
from stnet.expression.genes import GeneTable, read_gene_table

logger = logging.getLogger(__name__)

# A smaller set is not significant even if all its genes are predicted.
FEWEST_GENES = 3


def write_pathways(
    gene_performance: str | Path,
    gene_sets: Sequence[str | Path],
    gene_table: str | Path | None,
    groups_output: str | Path,
    sets_output: str | Path,
    *,
    groups: Mapping[str, Sequence[str]],
    level: float,
) -> None:
    """Write `of_groups` and `of_sets` for the genes of an experiment.

    Args:
        gene_performance: the gene table of the experiment.
        gene_sets: GMT files.
        gene_table: HGNC's complete set, for older symbols, or None.
        groups_output, sets_output: outputs, TSV.
        groups: patterns of gene set names by group.
        level: adjusted p up to which a set counts as enriched.

    Raises:
        InputError: a group without any gene set.
    """
    genes = read_table(gene_performance)
    table = read_gene_table(gene_table)
    sets = {Path(path).name: read_gene_sets(path) for path in gene_sets}
    names = approved_names(genes, table)
    write_table(of_groups(genes, names, sets, groups, table, level), groups_output)
    write_table(of_sets(genes, names, sets, table, level), sets_output)


def approved_names(genes: pd.DataFrame, table: GeneTable) -> pd.Series:
    """Current symbol of each gene of `genes` (`gene`, `symbol`), by its id or its symbol; or "".

    A gene without a symbol, such as one with ambiguous reads, is in no gene set.
    """
    return pd.Series(
        [
            table.symbol_of(gene) or _today(symbol, table)
            for gene, symbol in zip(genes["gene"], genes["symbol"].fillna(""), strict=True)
        ],
        index=genes.index,
    )


def of_groups(
    genes: pd.DataFrame,
    names: pd.Series,
    sets: Mapping[str, Sequence[GeneSet]],
    groups: Mapping[str, Sequence[str]],
    table: GeneTable,
    level: float,
) -> pd.DataFrame:
    """Over-representation per group of gene sets.

    Args:
        genes: gene table with `consistent`.
        names: of `approved_names`.
        sets: gene sets by file.
        groups: patterns by group, with `*`, `?` and `[…]` as for file names. A gene set belongs to
            a group if its name or description matches one of them, ignoring case. A pattern without
            a match is logged as a warning.
        table: HGNC's complete set, or an empty table.
        level: adjusted p up to which a group counts as enriched.

    Returns:
        A row per group: `group`, the columns of `over_representation` (p adjusted over the groups)
        and `gene_sets`, the names of its gene sets joined by "; ".

    Raises:
        InputError: a group without any gene set.
    """
    everything = [each for some in sets.values() for each in some]
    chosen = {group: _matching(everything, patterns) for group, patterns in groups.items()}
    for group, matched in chosen.items():
        if not matched:
            first = groups[group][0]
            raise InputError(
                f"report.pathways.groups.{group}: no gene set of {', '.join(sets)} is called"
                f" {' or '.join(groups[group])}{suggest(first, (each.name for each in everything))}"
            )
        for pattern in groups[group]:
            if not _matching(matched, [pattern]):
                # Names change between releases; without a warning the group would just shrink.
                line = f"report.pathways.groups.{group}: no gene set is called {pattern}"
                logger.warning(line)
    members = [frozenset().union(*(each.genes for each in matched)) for matched in chosen.values()]
    found = over_representation(genes, names, [_today_all(each, table) for each in members], level)
    found.insert(0, "group", list(groups))
    found["gene_sets"] = ["; ".join(each.name for each in matched) for matched in chosen.values()]
    return found


def of_sets(
    genes: pd.DataFrame,
    names: pd.Series,
    sets: Mapping[str, Sequence[GeneSet]],
    table: GeneTable,
    level: float,
) -> pd.DataFrame:
    """Over-representation per gene set that has at least three of the genes.

    Args:
        genes, names, sets, table, level: as in `of_groups`.

    Returns:
        A row per gene set, lowest p first: `file`, `gene_set`, `description` and the columns of
        `over_representation`, p adjusted over these sets.
    """
    known = set(names)
    rows = [
        (file, each.name, each.description, members)
        for file, some in sets.items()
        for each in some
        if len(known & (members := _today_all(each.genes, table))) >= FEWEST_GENES
    ]
    labels = pd.DataFrame([row[:3] for row in rows], columns=["file", "gene_set", "description"])
    found = over_representation(genes, names, [row[3] for row in rows], level)
    return pd.concat([labels, found], axis=1).sort_values("p", kind="stable", ignore_index=True)


def over_representation(
    genes: pd.DataFrame, names: pd.Series, sets: Sequence[frozenset[str]], level: float
) -> pd.DataFrame:
    """Test whether predicted genes (`consistent` in `genes`) are in a set more often than the rest.

    Only genes with a name count. A row per set:

    - `genes`: genes in the set; `predicted` and `rest`: predicted and other genes in the set;
      `predicted_total` and `rest_total`: predicted and other genes overall;
    - `odds_ratio`: of the sample, NaN if its denominator is 0;
    - `p`: Fisher's exact test, one-sided; `ease`: DAVID's score, the same p with one predicted gene
      of the set removed; `p_bh`, `ease_bh`: adjusted by Benjamini-Hochberg over the sets;
    - `enriched`: whether `p_bh` is at most `level`; `predicted_genes`: joined by commas;
    - `note`: that patients are too few to say which genes are predicted consistently; all numbers
      but `genes` are then missing.

    Source: the paper's numbers are DAVID's. EASE: Hosack et al., Genome Biol. 4, R70 (2003). Plain
    Fisher's p and the adjustments are ours.
    """
    named = names != ""
    consistent = genes["consistent"].eq(True)
    predicted, rest = consistent & named, ~consistent & named
    inside = np.array([names.isin(each) for each in sets], dtype=bool).reshape(-1, len(genes))
    hits, misses = (inside & predicted.to_numpy()).sum(1), (inside & rest.to_numpy()).sum(1)
    n_predicted, n_rest = int(predicted.sum()), int(rest.sum())
    outside = misses * (n_predicted - hits)
    odds = np.divide(
        hits * (n_rest - misses), outside, out=np.full(len(hits), np.nan), where=outside > 0
    )
    found = pd.DataFrame(
        {
            "genes": hits + misses,
            "predicted": hits,
            "predicted_total": n_predicted,
            "rest": misses,
            "rest_total": n_rest,
            "odds_ratio": odds,
            "p": fisher_p(hits, misses, n_predicted, n_rest),
            "ease": fisher_p(hits - 1, misses, n_predicted - 1, n_rest),
        }
    )
    for name in ("p", "ease"):
        found[f"{name}_bh"] = benjamini_hochberg(found[name])
    found["enriched"] = found["p_bh"] <= level
    found["predicted_genes"] = [",".join(names[predicted & each]) for each in inside]
    few = count_consistent(genes["consistent"]) == TOO_FEW
    if few:
        unknown = found.columns.difference(["genes", "enriched", "predicted_genes"])
        found[unknown] = np.nan
    return found.assign(note=TOO_FEW if few else "")


def fisher_p(hits: np.ndarray, misses: np.ndarray, n_predicted: int, n_rest: int) -> np.ndarray:
    """One-sided p of Fisher's exact test, P(X >= hits), with hits + misses fixed.

    `hits` are the predicted genes in a set, out of `n_predicted`; `misses` the other genes in it,
    out of `n_rest`. p is 1 without hits. EASE, which removes a hit, can give -1.
    """
    # The page of pathways needs constants of this module only.
    from scipy.stats import hypergeom

    drawn = np.maximum(hits, 0)
    total = max(n_predicted, 0) + n_rest
    p = hypergeom.sf(drawn - 1, total, drawn + misses, max(n_predicted, 0))
    return np.where(hits > 0, p, 1.0)


def _matching(sets: Sequence[GeneSet], patterns: Sequence[str]) -> list[GeneSet]:
    folded = [pattern.casefold() for pattern in patterns]
    return [
        each
        for each in sets
        if any(
            fnmatchcase(text.casefold(), pattern)
            for pattern in folded
            for text in (each.name, each.description)
        )
    ]


def _today_all(symbols: frozenset[str], table: GeneTable) -> frozenset[str]:
    return frozenset(_today(symbol, table) for symbol in symbols)


def _today(symbol: str, table: GeneTable) -> str:
    """The current symbol of a symbol's gene; the symbol itself if the table does not have it."""
    return table.approved(symbol) or symbol
