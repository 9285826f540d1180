"""Tables that describe a cohort: its sections, spots and genes, and the spots that were dropped."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc

from stnet.cohorts.alignment import Placed, better_image, placed
from stnet.cohorts.suspicion import LOOK
from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table, write_table
from stnet.expression.cohort import unite_genes
from stnet.expression.spots import CONTRACT, used_spots

logger = logging.getLogger(__name__)

# Prefix of human mitochondrial genes.
MITOCHONDRIAL = "MT-"
SLIDE = ("width", "height", "um_per_px")
# Whether spots are on tissue, of a section without an image.
_UNKNOWN = pd.Series(dtype=float)


def describe_dataset(
    sections: Sequence[str | Path],
    drops: Sequence[str | Path],
    outputs: Mapping[str, str | Path],
) -> None:
    """Write the tables that describe a cohort (Results, first paragraph; Fig. 1b-d).

    `sections` are the cohort's `.h5ad` files and `drops` their tables of dropped spots, both in
    the sheet's order. `outputs` maps the names of four tables to their paths:

    - `sections`, a row per section: dropped spots; median counts, genes and mitochondrial share (%)
      of the used spots, and how many of them are on tissue (%); annotations in no class, with the
      number of used spots of each; width and height of the image in pixels, and micrometres per
      pixel; the alignment that fits it clearly better, on its own image or another section's
      (`better_image`); warnings of the checks of its files and of that image;
    - `spots`, a row per used spot: `quality`;
    - `genes`, a row per gene of the universe: mean count over the used spots; other_names, by which
      some sections call it; unsure, genes of other sections that it may be;
    - `summary`: `quantity value`, the cohort as the paper describes it, then the sums of the drops.

    Raises InputError if a section clearly fits another's image better and that is to end the run.

    Sections are read one at a time, so memory is that of one section, of the gene names and of the
    reduced images.
    """
    rows, parts, names, sums = [], [], [], Counter()
    on_images: dict[str, Placed] = {}
    may_stop = set()
    for path, drop in zip(sections, drops, strict=True):
        whole = read_h5ad(path, CONTRACT)
        if found := placed(whole):
            on_images[whole.obs["section"].iloc[0]] = found
        if whole.n_obs and whole.uns["checks"]["may_stop"]:
            may_stop.add(whole.obs["section"].iloc[0])
        section = used_spots(whole).copy()
        parts.append(quality(section))
        rows.append(
            read_table(drop).assign(
                median_counts=parts[-1]["total_counts"].median(),
                median_genes=parts[-1]["n_genes"].median(),
                # Unknown without mitochondrial genes.
                median_pct_mt=parts[-1]["pct_mt"].dropna().median(),
                pct_on_tissue=100 * section.obs.get("on_tissue", _UNKNOWN).mean(),
                other_annotations=_unclassed(section.obs),
                # A section without an image has sides of 0.
                **{key: section.uns["slide"][key] or np.nan for key in SLIDE},
                better_alignment=section.uns["checks"]["better_alignment"],
                warnings="; ".join(section.uns["checks"]["warnings"]),
            )
        )
        names.append(section.var[["symbol", "ensembl"]])
        totals = np.asarray(section.X.sum(axis=0), dtype=np.float64).ravel()
        sums.update(dict(zip(section.var_names, totals, strict=True)))
    spots = pd.concat(parts, ignore_index=True)
    genes = _genes(unite_genes(names), sums, len(spots))
    per_section = pd.concat(rows, ignore_index=True)
    _compare_images(per_section, on_images, may_stop)
    tables = {
        "sections": per_section,
        "spots": spots,
        "genes": genes,
        "summary": summarise(per_section, spots, genes),
    }
    for name, table in tables.items():
        write_table(table, outputs[name])


def _compare_images(
    sections: pd.DataFrame, on_images: Mapping[str, Placed], may_stop: Collection[str]
) -> None:
    """Warn, in the log and in its row, of a section that clearly fits another's image better.

    Raises InputError if it is one of `may_stop`.
    """
    for row, name in sections["section"].items():
        if name not in on_images:
            continue
        move = sections.loc[row, "better_alignment"]
        if not (better := better_image(name, on_images, move)):
            continue
        said = (
            f"the spots of {name} fit clearly better {better}: images may be exchanged; look at"
            " both, and correct the section sheet if it is so"
        )
        if name in may_stop:
            raise InputError(f"{said}. {LOOK}")
        logger.warning(said)
        sections.loc[row, "better_alignment"] = better
        found = sections.loc[row, "warnings"]
        sections.loc[row, "warnings"] = "; ".join(filter(None, [found, said]))


def _unclassed(obs: pd.DataFrame) -> str:
    """Annotations that are in no class of `label_classes`, and the number of spots of each."""
    words = Counter(obs["annotation"][obs["label"].isna()].dropna())
    return ", ".join(f"{word} ({count})" for word, count in words.most_common())


def _genes(names: pd.DataFrame, sums: Mapping[str, float], n_spots: int) -> pd.DataFrame:
    """The table `genes`, from the names of genes (`unite_genes`) and the sum of each name."""
    counted = pd.Series({name: sums[name] for name in names.index}, dtype=float)
    others = names.index.to_series()[names.index != names["gene"]]
    genes = names.drop_duplicates("gene").set_index("gene")[["symbol", "unsure"]].sort_index()
    genes.insert(1, "mean_count", counted.groupby(names["gene"]).sum() / n_spots)
    genes.insert(2, "other_names", others.groupby(names["gene"]).agg(", ".join))
    return genes.rename_axis("gene").reset_index()


def summarise(sections: pd.DataFrame, spots: pd.DataFrame, genes: pd.DataFrame) -> pd.DataFrame:
    """Table `quantity value` of a cohort, from its tables of sections, spots and genes.

    Sections and patients without used spots are not counted. Rows `drops.*` are sums over all
    sections.
    """
    used = sections[sections["used"] > 0]
    facts = {
        "patients": used["patient"].nunique(),
        "sections": len(used),
        "sections_with_warnings": int((used["warnings"] != "").sum()),
        "spots": used["used"].sum(),
        "genes": len(genes),
        "genes_united": int(genes["other_names"].notna().sum()),
        "genes_unsure": int((genes["unsure"] != "").sum()),
        "spots_per_section_min": used["used"].min(),
        "spots_per_section_max": used["used"].max(),
        "median_counts": spots["total_counts"].median(),
        "median_genes": spots["n_genes"].median(),
        "median_pct_mt": spots["pct_mt"].dropna().median(),
    }
    steps = sections.loc[:, "positions":"used"].sum().add_prefix("drops.")
    # As objects, whole numbers stay whole in the file.
    return pd.DataFrame(
        {"quantity": [*facts, *steps.index], "value": [*facts.values(), *steps]}, dtype=object
    )


def quality(section: ad.AnnData) -> pd.DataFrame:
    """Quality metrics of a section's spots: `section patient total_counts n_genes pct_mt`.

    Computed by `scanpy.pp.calculate_qc_metrics`. `n_genes` is its `n_genes_by_counts`. `pct_mt` is
    the percentage of counts in genes whose symbol starts with `MT-`; missing if the section has no
    such gene, as in cohorts that were distributed without them.

    This is done once per cohort and not in each section's job, because importing scanpy takes 4 s.
    """
    section.var["mt"] = section.var["symbol"].astype(str).str.startswith(MITOCHONDRIAL)
    # Its means over genes are not used; those of a section without used spots would warn.
    with np.errstate(invalid="ignore"):
        metrics, _ = sc.pp.calculate_qc_metrics(
            section, qc_vars=["mt"], percent_top=None, log1p=False
        )
    return pd.DataFrame(
        {
            "section": section.obs["section"].astype(str),
            "patient": section.obs["patient"].astype(str),
            "total_counts": section.obs["total_counts"],
            "n_genes": metrics["n_genes_by_counts"],
            "pct_mt": metrics["pct_counts_mt"] if section.var["mt"].any() else np.nan,
        }
    )
