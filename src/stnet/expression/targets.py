"""Targets: the choice of genes, and normalised log expression from counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.hashing import names_sha256
from stnet.core.suggest import suggest
from stnet.expression.cohort import unite_genes
from stnet.expression.copies import gene_sums, published_patients, refuse_copies
from stnet.expression.names import name_in
from stnet.expression.spatial import keep_pictures, of_sections
from stnet.expression.spots import read_used_spots, spot_names
from stnet.expression.transforms import normalise


def section_expression(
    section: ad.AnnData, genes: Sequence[str], universe: int, transform: str
) -> np.ndarray:
    """Normalised log expression of `genes` in a section's spots: float64 (spots, genes).

    `section` has raw counts; `genes` are ids, and a gene that the section lacks has count zero.
    Source and transforms are those of `normalise`.
    """
    columns = section.var_names.get_indexer(genes)
    present = columns >= 0
    values = np.zeros((section.n_obs, len(genes)))
    if transform == "log_cp10k":
        # Imported here, so that other jobs do not pay for scanpy.
        from stnet.expression.cp10k import log_cp10k

        # The section has every gene, so its rows sum to the totals.
        values[:, present] = log_cp10k(section.X)[:, columns[present]].toarray()
        return values
    values[:, present] = sparse.csr_matrix(section.X)[:, columns[present]].toarray()
    return normalise(values, section.obs["total_counts"].to_numpy(), universe, transform)


def choose_genes(sums: pd.Series, n_genes: int) -> list[str]:
    """The `n_genes` genes with the highest summed, and thus mean, count, in decreasing order.

    Ties are broken by id. Source: Methods, "the 250 genes with the highest mean expression"; the
    released code takes the mean of raw counts over all spots of all patients.
    """
    if n_genes > len(sums):
        raise InputError(
            f"targets.*.genes: {n_genes} is more than the {len(sums)} genes of the sections; use"
            " fewer"
        )
    return sums.sort_index().sort_values(ascending=False, kind="stable").index[:n_genes].tolist()


def find_genes(wanted: Sequence[str], symbols: Mapping[str, str]) -> list[str]:
    """Ids of the genes in `wanted`, which has ids or symbols, in the same order.

    `symbols` maps each id to its symbol. Raises InputError for an unknown or ambiguous name, and
    for a gene that is named twice.
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
            raise InputError(f"targets.*.genes: {name} is named twice; remove one")
        found += genes
    return found


def write_targets(
    sections: Sequence[str | Path],
    output: str | Path,
    *,
    genes: int | Sequence[str],
    transform: str,
    held_out_sections: Sequence[str] = (),
    label_classes: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write the targets of all used spots of a cohort, sections in the given order.

    X is float32 (spots, genes). obs is that of the sections, with names `section:XxY`. var has the
    symbol, the Ensembl id and the mean raw count over the spots used for the choice.
    `uns["spatial"]` and `uns["grid"]` come from the sections. With held-out sections only their
    pictures are kept, because only they are predicted from this file. All sections are held in
    memory, at 8 bytes per non-zero count.

    Args:
        sections: section files.
        output: h5ad.
        genes: number of genes to choose, or a list of genes by symbol or id (the paper trains some
            genes one at a time).
        transform: as in `normalise`. The universe is the union of the genes in all sections'
            distributed tables, regardless of which spots are used (the ST cohort's tables leave out
            genes without counts), under one name for each gene (`unite_genes`). A gene absent from
            a section has count zero there.
        held_out_sections: sections that do not count for the choice of genes: none for the paper's
            choice, the held-out patient's for a choice without leakage (ours).
        label_classes: annotations of each class. If there are any, the cohort must have one.

    Raises:
        InputError: no used spot outside the held-out sections, unknown genes, a gene that may be
            one of several of another section, a section that is there twice, or no annotation of
            the cohort in a class.
    """
    cohort, universe = read_cohort(sections)
    published_patients(cohort, sections)
    refuse_copies(cohort, sections)
    _check_annotations(cohort, [word for words in (label_classes or {}).values() for word in words])
    chosen, mean_counts = _choose(cohort, universe, genes, held_out_sections, output)
    parts = [_section_targets(section, chosen, len(universe), transform) for section in cohort]
    targets = ad.concat([part for part in parts if part.n_obs], merge="same")
    targets.var = (
        universe.loc[chosen, ["symbol", "ensembl"]]
        .assign(mean_count=mean_counts)
        .rename_axis("gene")
    )
    for section in cohort:
        for part, by_section in of_sections(section.uns, section.uns["spatial"]).items():
            targets.uns.setdefault(part, {}).update(by_section)
    if held_out_sections:
        keep_pictures(targets.uns, held_out_sections)
    targets.uns["targets"] = {
        "targets": name_in(output, "targets"),
        "transform": transform,
        "universe": len(universe),
        "held_out_sections": list(held_out_sections),
        "gene_list_sha256": names_sha256(chosen),
    }
    write_h5ad(targets, output)


def read_cohort(sections: Sequence[str | Path]) -> tuple[list[ad.AnnData], pd.DataFrame]:
    """The used spots of all sections under one name for each gene, and these names (`unite_genes`).

    Errors are those of `read_used_spots` and `unite_genes`.
    """
    cohort = [read_used_spots(path).copy() for path in sections]
    names = unite_genes([section.var for section in cohort])
    for section in cohort:
        section.var_names = names["gene"].reindex(section.var_names).to_list()
    return cohort, names.drop_duplicates("gene").set_index("gene")


def _check_annotations(cohort: Sequence[ad.AnnData], known: Sequence[str]) -> None:
    """Raise InputError if the cohort has annotations, but none of the `known` words."""
    if not known:
        return
    found = Counter(word for section in cohort for word in section.obs["annotation"].dropna())
    if found and not any(section.obs["label"].notna().any() for section in cohort):
        words = ", ".join(f"{word!r} ({count})" for word, count in found.most_common())
        raise InputError(
            f"cohorts.*.label_classes: of the annotations {words}, none is one of"
            f" {', '.join(map(repr, known))}; write them there as the label files do"
        )


def _choose(
    cohort: Sequence[ad.AnnData],
    universe: pd.DataFrame,
    genes: int | Sequence[str],
    held_out_sections: Sequence[str],
    output: str | Path,
) -> tuple[list[str], list[float]]:
    """The chosen genes, and their mean raw counts over the spots used for the choice."""
    training = [
        section
        for section in cohort
        if section.n_obs and section.obs["section"].iloc[0] not in held_out_sections
    ]
    n_spots = sum(section.n_obs for section in training)
    if not n_spots:
        raise InputError(
            f"{output}: no section outside the held-out group has a used spot (its window must lie"
            " inside the image); lower the cohort's spot_window"
        )
    sums = pd.concat([gene_sums(section) for section in training], axis=1).sum(axis=1)
    if isinstance(genes, int):
        chosen = choose_genes(sums, genes)
    else:
        chosen = find_genes(genes, universe["symbol"].to_dict())
    unsure = universe.loc[chosen, "unsure"]
    unsure = unsure[unsure != ""]
    if len(unsure):
        raise InputError(
            f"targets.*.genes: {unsure.index[0]} of some sections may be {unsure.iloc[0]} of"
            " others; set the cohort's gene table (genes), or name genes alike"
        )
    return chosen, [sums.get(gene, 0.0) / n_spots for gene in chosen]


def _section_targets(
    section: ad.AnnData, genes: list[str], universe: int, transform: str
) -> ad.AnnData:
    obs = section.obs.copy()
    obs.index = spot_names(section)
    return ad.AnnData(
        section_expression(section, genes, universe, transform).astype(np.float32),
        obs=obs,
        var=pd.DataFrame(index=genes),
        obsm={"spatial": np.asarray(section.obsm["spatial"])},
    )
