"""What is predicted: the choice of genes, and counts turned into normalised log expression."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError
from stnet.core.hashing import names_sha256
from stnet.core.suggest import suggest
from stnet.expression.spots import read_used_spots, spot_names


def transform(counts: np.ndarray, totals: np.ndarray, universe: int, kind: str) -> np.ndarray:
    """Normalised log expression y of shape (spots, genes), natural log, float64.

    `counts` (spots, genes) are those of some genes, `totals` (spots,) the sums over all genes of
    the universe, `universe` its size G. Kinds:

    - `log_fraction`: ln((1 + c) / (G + sum c)), a pseudo-count on every gene of the universe, then
      division by the spot's total (Methods, "ST-Net design and training"; the released code).
    - `log_cp10k`: ln(1 + 10^4 c / sum c), the form of later papers (ours).
    """
    totals = np.asarray(totals, dtype=np.float64)[:, None]
    if kind == "log_fraction":
        return np.log((1.0 + counts) / (universe + totals))
    if kind == "log_cp10k":
        return np.log1p(1e4 * counts / totals)
    raise InputError(f"targets.*.transform: {kind!r} is not log_fraction or log_cp10k")


def invert(values: np.ndarray, totals: np.ndarray, universe: int, kind: str) -> np.ndarray:
    """Counts (spots, genes) from expression: the inverse of `transform` with the same arguments."""
    totals = np.asarray(totals, dtype=np.float64)[:, None]
    if kind == "log_fraction":
        return np.exp(values) * (universe + totals) - 1.0
    if kind == "log_cp10k":
        return np.expm1(values) * totals / 1e4
    raise InputError(f"targets.*.transform: {kind!r} is not log_fraction or log_cp10k")


def choose_genes(sums: pd.Series, n_genes: int) -> list[str]:
    """The `n_genes` genes of the highest summed (so also mean) count, in that order.

    Ties go to the id that sorts first. Source: Methods, "the 250 genes with the highest mean
    expression"; the released code takes the mean of raw counts over all spots of all patients.
    """
    if n_genes > len(sums):
        raise InputError(
            f"targets.*.genes: {n_genes} genes asked for, the sections have {len(sums)}"
        )
    return sums.sort_index().sort_values(ascending=False, kind="stable").index[:n_genes].tolist()


def find_genes(wanted: Sequence[str], symbols: Mapping[str, str]) -> list[str]:
    """Ids of the genes named in `wanted`, by id or by symbol, in that order.

    `symbols` has the symbol of each id. Raises InputError for a name that is no gene's or several
    genes', and for a gene that is named twice.
    """
    ids: dict[str, list[str]] = {}
    for gene, symbol in symbols.items():
        if symbol:
            ids.setdefault(symbol, []).append(gene)
    found: list[str] = []
    for name in wanted:
        genes = [name] if name in symbols else ids.get(name, [])
        if not genes:
            close = suggest(name, (*ids, *symbols))
            raise InputError(f"targets.*.genes: no gene {name!r} in the sections{close}")
        if len(genes) > 1:
            raise InputError(
                f"targets.*.genes: {name} is the symbol of {', '.join(genes)}; name one by its id"
            )
        if genes[0] in found:
            raise InputError(f"targets.*.genes: {name} is named twice; leave one out")
        found += genes
    return found


def write_targets(
    sections: Sequence[str | Path],
    output: str | Path,
    *,
    genes: int | Sequence[str],
    kind: str,
    spot_window: int,
    held_out_sections: Sequence[str] = (),
) -> None:
    """Write the targets of all used spots of a cohort, sections in the given order.

    `genes` is how many are chosen, or which, by symbol or id (the paper's genes trained one at a
    time). They are chosen on all sections but `held_out_sections`: none of them for the paper's
    choice, the held-out patient's for the fold-local one (ours, free of leakage). The universe is
    the union over all sections of the genes in their distributed tables, whichever spots are used
    (those of the ST cohort leave out genes without a count); a gene absent from a section counts
    zero there.

    X is float32 (spots, genes), obs the sections' with `section:XxY` names, var has the symbol,
    Ensembl id and mean raw count over the spots the choice looked at. Sections are read twice and
    one at a time, so memory is that of one section.
    """
    sums: dict[str, float] = {}
    names: dict[str, tuple[str, str]] = {}
    n_spots = 0
    for path in sections:
        section = read_used_spots(path, spot_window)
        table = section.var
        known = zip(table["symbol"], table["ensembl"], strict=True)
        names.update(zip(table.index, known, strict=True))
        if section.n_obs and section.obs["section"].iloc[0] not in held_out_sections:
            n_spots += section.n_obs
            counted = np.asarray(section.X.sum(axis=0), dtype=np.float64).ravel()
            for gene, total in zip(table.index, counted, strict=True):
                sums[gene] = sums.get(gene, 0.0) + total
    if not n_spots:
        raise InputError(
            f"{output}: no section outside the held-out group has a spot whose window of "
            f"{spot_window} pixels lies inside the image; lower the cohort's spot_window"
        )
    if isinstance(genes, int):
        chosen = choose_genes(pd.Series(sums), genes)
    else:
        chosen = find_genes(genes, {gene: symbol for gene, (symbol, _) in names.items()})
    parts = [_section_targets(path, chosen, len(names), kind, spot_window) for path in sections]
    targets = ad.concat([part for part in parts if part.n_obs], merge="same")
    symbols, ensembl = zip(*(names[gene] for gene in chosen), strict=True)
    targets.var = pd.DataFrame(
        {
            "symbol": symbols,
            "ensembl": ensembl,
            "mean_count": [sums.get(gene, 0.0) / n_spots for gene in chosen],
        },
        index=pd.Index(chosen, name="gene"),
    )
    targets.uns["targets"] = {
        "transform": kind,
        "universe": len(names),
        "held_out_sections": list(held_out_sections),
        "gene_list_sha256": names_sha256(chosen),
    }
    with atomic_path(output) as temporary:
        targets.write_h5ad(temporary)


def _section_targets(
    path: str | Path, genes: list[str], universe: int, kind: str, spot_window: int
) -> ad.AnnData:
    section = read_used_spots(path, spot_window)
    columns = section.var_names.get_indexer(genes)
    present = columns >= 0
    counts = np.zeros((section.n_obs, len(genes)))
    counts[:, present] = sparse.csr_matrix(section.X)[:, columns[present]].toarray()
    values = transform(counts, section.obs["total_counts"].to_numpy(), universe, kind)
    obs = section.obs.copy()
    obs.index = spot_names(section)
    return ad.AnnData(
        values.astype(np.float32),
        obs=obs,
        var=pd.DataFrame(index=genes),
        obsm={"spatial": np.asarray(section.obsm["spatial"])},
    )
