"""Genes that the user asks for, by symbol or id."""

from collections.abc import Iterable, Sequence

from stnet.core.errors import InputError, first_of
from stnet.core.suggest import suggest


def find_genes(
    wanted: Sequence[str], genes: Iterable[tuple[str, str]], source: object
) -> list[str]:
    """Ids of the wanted genes, each once.

    `genes` are the id and the symbol (or "") of each gene of a model. Raises InputError, naming
    `source`, if one is not among them.
    """
    genes = list(genes)
    # The first of two genes of one symbol; an id goes before a symbol.
    ids = {symbol: gene for gene, symbol in reversed(genes)} | {gene: gene for gene, _ in genes}
    ids.pop("", None)
    for name in wanted:
        if name not in ids:
            known = first_of(symbol or gene for gene, symbol in genes)
            remedy = suggest(name, ids) or f"; its genes, in its .genes.tsv, are {known}"
            raise InputError(f"{source}: the model does not predict {name}{remedy}")
    return list(dict.fromkeys(ids[name] for name in wanted))
