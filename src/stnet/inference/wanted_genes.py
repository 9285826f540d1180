"""Genes that the user asks for, by symbol or id."""

from collections.abc import Iterable, Sequence

from stnet.core.errors import MOST_NAMES, InputError, first_of
from stnet.core.suggest import suggest


def find_genes(wanted: Sequence[str], genes: Iterable[Sequence[str]], source: object) -> list[str]:
    """Ids of the wanted genes, each once.

    `genes` are the id, the symbol and the Ensembl id (or "") of each gene of a model. Raises
    InputError, naming `source`, if some are not among them.
    """
    genes = list(genes)
    # The first of two genes of one symbol; an id goes before a symbol.
    ids = {name: gene for gene, *names in reversed(genes) for name in names}
    ids |= {gene: gene for gene, *_ in genes}
    ids.pop("", None)
    missing = list(dict.fromkeys(name for name in wanted if name not in ids))
    if missing:
        remedies = [_similar(name, ids) for name in missing[:MOST_NAMES]]
        said = [name + remedy for name, remedy in zip(missing, remedies, strict=False)]
        if len(missing) > MOST_NAMES:
            said.append(f"{len(missing) - MOST_NAMES} others")
        if not all(remedies):
            known = first_of(symbol or gene for gene, symbol, _ in genes)
            said[-1] += f"; its genes, in its .genes.tsv, are {known}"
        raise InputError(f"{source}: the model does not predict {'; nor '.join(said)}")
    return list(dict.fromkeys(ids[name] for name in wanted))


def _similar(name: str, ids: Iterable[str]) -> str:
    """A suggestion, of names that differ by case or version if there are any."""
    stem = name.casefold().partition(".")[0]
    same = [each for each in ids if each.casefold().partition(".")[0] == stem]
    # Ensembl ids of other genes are as similar as those of this one.
    return suggest(name, same if same or stem.startswith("ens") else ids)
