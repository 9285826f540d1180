"""Are the consistently predicted genes those of certain pathways?

The paper asks DAVID, whose groups (disease classes of the Genetic Association Database) are not to
be had as gene sets. Here a group is the union of the gene sets whose names match its patterns.
"""

import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from stnet.core.errors import InputError
from stnet.core.suggest import suggest
from stnet.core.tables import read_table, write_table
from stnet.evaluation.consistency import benjamini_hochberg
from stnet.expression.gene_sets import GeneSet, read_gene_sets
from stnet.expression.genes import GeneTable, read_gene_table

logger = logging.getLogger(__name__)

# Of a smaller set even all genes predicted would say nothing.
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

    `gene_sets` are GMT files, `gene_table` is HGNC's complete set, by which older symbols are
    understood, or None; `level` is of the adjusted p at which a set counts as enriched.
    """
    genes = read_table(gene_performance)
    table = gene_table and read_gene_table(gene_table)
    sets = {Path(path).name: read_gene_sets(path) for path in gene_sets}
    names = approved_names(genes, table)
    write_table(of_groups(genes, names, sets, groups, table, level), groups_output)
    write_table(of_sets(genes, names, sets, table, level), sets_output)


def approved_names(genes: pd.DataFrame, table: GeneTable | None) -> pd.Series:
    """Today's symbol of each gene of `genes` (`gene`, `symbol`), by its id or its symbol; or "".

    A gene that has no symbol, as one whose reads may be of several genes, is in no gene set.
    """
    return pd.Series(
        [
            (table.symbol_of(gene) if table else "") or _today(symbol, table)
            for gene, symbol in zip(genes["gene"], genes["symbol"].fillna(""), strict=True)
        ],
        index=genes.index,
    )


def of_groups(
    genes: pd.DataFrame,
    names: pd.Series,
    sets: Mapping[str, Sequence[GeneSet]],
    groups: Mapping[str, Sequence[str]],
    table: GeneTable | None,
    level: float,
) -> pd.DataFrame:
    """A row a group of pathways: `group`, what `over_representation` says of it, and `gene_sets`,
    the names of those it is the union of, joined by "; ".

    `genes` has `consistent`, `names` the symbols of `approved_names`, `sets` the gene sets of each
    file. `groups` maps a group to patterns, each with `*`, `?` and `[…]` as in the names of files:
    a gene set is of the group if its name or its description matches one, whatever the case; a
    pattern that none matches is said. Adjusted p are over the groups. Raises InputError where a
    group has no gene set.
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
                # Names change between releases, and the group would shrink without a word.
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
    table: GeneTable | None,
    level: float,
) -> pd.DataFrame:
    """A row a gene set with at least three of the genes: `file`, `gene_set`, `description`, and
    what `over_representation` says of it, lowest p first. Adjusted p are over these sets.
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
    """Whether predicted genes (`consistent` in `genes`) are in a set more often than the rest.

    A row a set: `genes`, in the set, of those with a name; `predicted` and `rest`, in the set, of
    `predicted_total` and `rest_total` with a name; `odds_ratio` of the sample, NaN where no gene
    is predicted outside the set or of the rest inside it; `p` by Fisher's exact test, one-sided;
    `ease`, DAVID's score, which is the same p with one predicted gene of the set removed; both
    adjusted by Benjamini and Hochberg over the sets (`p_bh`, `ease_bh`); `enriched`, whether
    `p_bh` is at most `level`; `predicted_genes`, joined by commas.

    Source: the paper's numbers are DAVID's; EASE is of Hosack et al., Genome Biol. 4, R70 (2003).
    Fisher's p as it is and the adjustments are ours.
    """
    named = names != ""
    predicted, rest = genes["consistent"] & named, ~genes["consistent"] & named
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
    return found


def fisher_p(hits: np.ndarray, misses: np.ndarray, n_predicted: int, n_rest: int) -> np.ndarray:
    """One-sided p of Fisher's exact test: P(at least so many hits, given hits and misses together).

    `hits` are the predicted genes in a set, of `n_predicted`, `misses` the others in it, of
    `n_rest`. It is 1 without a hit, and with fewer (as EASE removes one).
    """
    # Without a hit any list of genes has as many.
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


def _today_all(symbols: frozenset[str], table: GeneTable | None) -> frozenset[str]:
    return frozenset(_today(symbol, table) for symbol in symbols) if table else symbols


def _today(symbol: str, table: GeneTable | None) -> str:
    """What a symbol's gene is called today; the symbol where the table cannot tell."""
    return (table.approved(symbol) if table else "") or symbol
