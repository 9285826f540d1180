"""The sections of a cohort together: each gene has one name (ours)."""

from collections.abc import Sequence
from itertools import permutations

import pandas as pd

from stnet.core.errors import InputError

# Sections with fewer genes in common do not name them alike. Fewer genes are not conclusive.
SHARED_GENES, FEWEST_GENES = 0.1, 20


def unite_genes(sections: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One name for each gene of a cohort whose sections may name it differently.

    Names are of one gene if they have the same Ensembl id without version, or else the same symbol,
    in capitals or not.
    The gene is called by the name that most sections use, the first of equally frequent ones. Names
    that stand beside each other in a section are different genes, as they are there; then only
    names that also have the same symbol are of one gene. A name that may be of either of two genes
    is left apart and marked, so that it is not predicted.

    Args:
        sections: `symbol` and `ensembl` ("" if unknown) of each section's genes, indexed by name.

    Returns:
        Table indexed by name, in order of appearance: gene, the cohort's name of the gene; symbol
        and ensembl of the gene; unsure, names of genes that it may be, or "".

    Raises:
        InputError: a section has hardly a gene of the first section.

    Source: ours.
    """
    known: dict[str, tuple[str, str]] = {}
    for section in sections:
        named = zip(section["symbol"].astype(str), section["ensembl"].astype(str), strict=True)
        for name, found in zip(section.index, named, strict=True):
            # A section may have its symbols from a table that others lack.
            if found != ("", "") or name not in known:
                known[name] = found
    names = _Names(known, [set(section.index) for section in sections])
    rows = {}
    for group in names.groups():
        gene = max(group, key=lambda name: len(names.where(name))) if len(group) > 1 else group[0]
        symbol, ensembl = (
            next((known[name][i] for name in (gene, *group) if known[name][i]), "") for i in (0, 1)
        )
        unsure = ", ".join(other for name in group for other in names.unsure.get(name, []))
        rows.update(dict.fromkeys(group, (gene, symbol, ensembl, unsure)))
    columns = ["gene", "symbol", "ensembl", "unsure"]
    table = pd.DataFrame([rows[name] for name in known], index=pd.Index(known), columns=columns)
    _check_common([set(table["gene"].reindex(section.index)) for section in sections])
    return table


class _Names:
    """Names of genes: (symbol, Ensembl id) of each, and each section's set of them."""

    def __init__(self, known: dict[str, tuple[str, str]], sections: list[set[str]]):
        self._known, self._sections = known, sections
        # Candidates of the names that may be of several genes.
        self.unsure: dict[str, list[str]] = {}

    def where(self, *names: str) -> set[int]:
        """Numbers of the sections that have one of the names."""
        return {i for i, section in enumerate(self._sections) if not section.isdisjoint(names)}

    def groups(self) -> list[list[str]]:
        """Names of one gene together."""
        ids: dict[str, dict[str, list[str]]] = {}
        for name, (symbol, ensembl) in self._known.items():
            if symbol and ensembl:
                ids.setdefault(symbol.upper(), {}).setdefault(ensembl, []).append(name)
        by_key: dict[tuple[str, str], list[str]] = {}
        for name, (symbol, ensembl) in self._known.items():
            of_symbol = {} if ensembl else ids.get(symbol.upper(), {})
            if len(of_symbol) > 1:
                self._may_be(name, [other for same in of_symbol.values() for other in same])
                key = ("name", name)
            elif ensembl or of_symbol:
                key = ("ensembl", ensembl or next(iter(of_symbol)))
            else:
                key = ("symbol", symbol.upper()) if symbol else ("name", name)
            by_key.setdefault(key, []).append(name)
        return [part for group in by_key.values() for part in self._parts(group)]

    def _parts(self, group: list[str]) -> list[list[str]]:
        """Names of one id or symbol, apart if a section has several of them."""
        if self._never_together(group):
            return [group]
        by_symbol: dict[str, list[str]] = {}
        for name in group:
            by_symbol.setdefault(self._known[name][0] or name, []).append(name)
        parts = []
        for same in by_symbol.values():
            parts += [same] if self._never_together(same) else [[name] for name in same]
        for one, other in permutations(parts, 2):
            if self.where(*one).isdisjoint(self.where(*other)):
                for name in one:
                    self._may_be(name, other)
        return parts

    def _never_together(self, names: list[str]) -> bool:
        return len(names) < 2 or all(len(s.intersection(names)) < 2 for s in self._sections)

    def _may_be(self, name: str, candidates: list[str]) -> None:
        """Mark `name`, and those of its candidates that no section has beside it."""
        sections = self.where(name)
        found = [other for other in candidates if sections.isdisjoint(self.where(other))]
        for one, may_be in [(name, found), *((other, [name]) for other in found)]:
            known = self.unsure.setdefault(one, [])
            known += [other for other in may_be if other not in known]


def _check_common(sections: Sequence[set[str]]) -> None:
    """Raise InputError if a section has hardly a gene of the first one."""
    for number, section in enumerate(sections[1:], start=2):
        fewer = min(len(sections[0]), len(section))
        if fewer >= FEWEST_GENES and len(sections[0] & section) < SHARED_GENES * fewer:
            one, other = (min(genes, key=str.lower) for genes in (sections[0], section))
            raise InputError(
                f"sections 1 and {number} of the section sheet have hardly a gene in common (such"
                f" as {one} and {other}), so they name them differently; set the cohort's gene"
                " table (genes), or name genes alike"
            )
