"""Pages on external data: 10x Visium sections, and slides of TCGA."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from stnet.core.errors import first_of
from stnet.core.printed import short
from stnet.core.tables import gene_names, read_table
from stnet.figures.subtype_roc import FEATURES, auroc_text
from stnet.inference.flags import WARNINGS
from stnet.report.claims import read_claims
from stnet.report.page import (
    page_table,
    quantities,
    with_interval,
    without_blank_paper,
    write_page,
)

# Quantities of the summaries, and words for how genes were matched.
VISIUM = [
    *("genes", "positive_genes", "mean_r", "mean_auroc", "mean_auroc_depth", "median_counts"),
]
TCGA = [
    *("slides", "patients", "patients_with_bulk", "genes", "positive_genes"),
    *("significant_genes", "significant_negative_genes"),
]
MATCHES = {"ensembl": "by Ensembl id", "symbol": "by symbol", "alias": "by alias"}


def write_visium_page(
    summaries: Mapping[str, str | Path],
    alignments: Sequence[str | Path],
    claims: str | Path | None,
    html: str | Path,
    *,
    experiment: str,
) -> None:
    """Write the page on external Visium sections.

    Args:
        summaries: paths of `visium.tsv` by source. The first is compared with the paper; the others
            are variants of it, such as unscaled windows.
        alignments: paths of the first source's `{section}.alignment.tsv`.
        claims: the paper's claims; None leaves its numbers out.
        html: page to write.
        experiment: whose networks were applied.
    """
    tables = {name: read_table(path) for name, path in summaries.items()}
    main, totals = next(iter(tables.items()))
    aligned = {
        Path(path).name.removesuffix(".alignment.tsv"): read_table(path) for path in alignments
    }
    shown = _beside_paper(VISIUM, _paper(claims, "visium."), tables)
    write_page(
        html,
        f"External Visium sections ({main}, networks of {experiment})",
        [
            _visium_result(totals),
            "The networks are applied without any tuning. Only genes that the sections measure are "
            "evaluated. r and AUROC of a gene are over the spots of all sections of a patient, "
            "pooled. The AUROC is for spots in the top quarter of measured expression against "
            "spots in the bottom quarter.",
        ],
        [
            page_table(
                shown, "In total", explained=dict.fromkeys(tables, "Value over this source.")
            ),
            page_table(_by_section(totals), "By section, over its spots"),
            page_table(
                _matches(aligned),
                "How genes were matched",
                explained=dict.fromkeys(aligned, "Number of genes in this section."),
            ),
            page_table(_lost(aligned), "Genes without a match, and why"),
        ],
        tsv=[*summaries.values(), *alignments],
    )


def write_tcga_page(
    summary: str | Path,
    subtype: str | Path,
    slides: str | Path,
    genes: str | Path,
    claims: str | Path | None,
    html: str | Path,
    *,
    source: str,
    experiment: str,
) -> None:
    """Write the page on whole slides.

    Args:
        summary: summary of pseudo-bulk against bulk RNA-seq.
        subtype: table of the AUROC of the subtypes.
        slides: table with one row per slide.
        genes: table of pseudo-bulk against bulk RNA-seq, one row per gene.
        claims: the paper's claims; None leaves its numbers out.
        html: page to write.
        source: name of the source of the slides.
        experiment: whose networks were applied.
    """
    totals = read_table(summary)
    note = totals.set_index("quantity")["value"].get("note")
    significant, n_genes = quantities(totals, ["significant_genes", "genes"])["estimate"]
    of_subtypes = read_table(subtype)
    write_page(
        html,
        f"Whole slides ({source}, networks of {experiment})",
        [
            f"{significant} of {n_genes} genes correlate with bulk RNA-seq over patients "
            "(significantly positive r)."
            if pd.isna(note)
            else f"{note}.",
            "The networks are applied to tiles of frozen slides without any tuning. The "
            "pseudo-bulk of a patient is the mean prediction over the tiles of its slides. r of a "
            "gene is over patients, between pseudo-bulk and ln(1 + FPKM) of bulk RNA-seq. "
            "Significant: two-sided P, adjusted by Benjamini–Hochberg, of at most 0.05. Intervals "
            "are 95%, over patients.",
            f"Subtypes: {of_subtypes['compared'].iloc[0]}. The paper chooses the significant genes "
            "on all patients, test patients included. Genes of the training patients are chosen on "
            "these only.",
        ],
        [
            page_table(
                _beside_paper(TCGA, _paper(claims, "tcga."), {"estimate": totals}), "In total"
            ),
            page_table(_subtypes(of_subtypes, claims), "Classification of subtypes: AUROC"),
            page_table(_to_check(read_table(slides)), "Slides to check"),
            page_table(_genes_by_r(read_table(genes)), "Genes, by r"),
        ],
        tsv=[summary, subtype, slides, genes],
    )


def _visium_result(totals: pd.DataFrame) -> str:
    found = quantities(totals, VISIUM)["estimate"].replace("", "undefined")
    n_genes, positive, r, auroc, depth, _ = found
    return (
        f"{positive} of {n_genes} genes have r > 0; mean r {r}, mean AUROC {auroc} (of total "
        f"counts alone {depth})."
    )


def _paper(claims: str | Path | None, prefix: str) -> pd.DataFrame:
    """The claims whose ids begin with `prefix`, by the rest of the id."""
    table = read_claims(claims).set_index("id")
    return table[table.index.str.startswith(prefix)].rename(lambda name: name.removeprefix(prefix))


def _beside_paper(
    names: Sequence[str], paper: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per quantity: in words, the paper's value, and those of the summaries."""
    found = {heading: quantities(table, names) for heading, table in tables.items()}
    words = next(iter(found.values()))
    shown = words[["quantity"]].assign(paper=paper["value"].reindex(names).map(short).tolist())
    values = {heading: each["estimate"] for heading, each in found.items()}
    return without_blank_paper(shown.assign(**values, meaning=words["meaning"]))


def _by_section(totals: pd.DataFrame) -> pd.DataFrame:
    """The quantities of a summary that are given per section, one row per section."""
    parts = totals.set_index("quantity")["value"]
    parts = parts[parts.index.str.contains(".", regex=False)].astype(float)
    quantity, section = zip(*(name.split(".", 1) for name in parts.index), strict=True)
    wide = parts.set_axis(pd.MultiIndex.from_arrays([section, quantity])).unstack(sort=False)
    shown = wide.reindex(columns=[name for name in VISIUM if name in wide])
    return shown.rename_axis("section").reset_index()


def _matches(aligned: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Number of genes by how they were matched, one column per section."""
    counts = {name: table["by"].fillna("").value_counts() for name, table in aligned.items()}
    words = {**MATCHES, "": "no match"}
    found = pd.DataFrame(counts).reindex([*words]).fillna(0).astype(int)
    return found.rename(words).rename_axis("by").reset_index()


def _lost(aligned: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Genes without a match, one row per reason and set of sections."""
    everything = pd.concat(table.assign(section=name) for name, table in aligned.items())
    lost = everything[everything["by"].isna()]
    lost = lost.assign(name=gene_names(lost))
    genes = lost.groupby(["name", "reason"], sort=False)["section"].agg(", ".join).reset_index()
    reasons = genes.groupby(["reason", "section"], sort=False)["name"].agg(["size", ", ".join])
    return reasons.reset_index().set_axis(["reason", "in_sections", "number", "lost_genes"], axis=1)


def _subtypes(subtype: pd.DataFrame, claims: str | Path | None) -> pd.DataFrame:
    """AUROC by set of features, beside the paper's."""
    paper = _paper(claims, "tcga.subtype_auroc.")
    beside = paper.reindex(subtype["features"])
    rows = zip(subtype.itertuples(), beside.itertuples(), strict=True)
    shown = pd.DataFrame(
        [
            {
                "features": FEATURES[row.features][0],
                "auroc": auroc_text(row.auroc, row.ci_low, row.ci_high),
                "paper_auroc": with_interval(known.value, known.ci_low, known.ci_high),
                "n_features": row.n_features,
                "n_train": row.n_train,
                "n_test": row.n_test,
                "C": row.C,
                "note": row.note,
            }
            for row, known in rows
        ]
    )
    return without_blank_paper(shown)


def _to_check(slides: pd.DataFrame) -> pd.DataFrame:
    """One row per problem: the number of slides that have it, and the first of them."""
    problems = pd.Series([_problems(row) for row in slides.itertuples()], index=slides["slide"])
    # Of an archive's names the first part, if it names one slide.
    first = problems.index.str.split(".").str[0]
    problems = (problems.set_axis(first) if first.is_unique else problems).explode().dropna()
    rows = [
        (problem, len(names), first_of(names))
        for problem, names in problems.groupby(problems, sort=False).groups.items()
    ]
    return pd.DataFrame(rows, columns=["problem", "number", "first_slides"])


def _problems(slide: tuple) -> list[str]:
    if not pd.isna(slide.refused):
        return [f"refused: {slide.refused}"]
    if not slide.n_tiles:
        return ["no tile has enough tissue"]
    flags = [] if pd.isna(slide.unlike_training) else slide.unlike_training.split(",")
    problems = [WARNINGS[flag] for flag in flags]
    if slide.magnification_from == "configured":
        problems.append("file without a scale: the configured one was used")
    if slide.refuted:
        problems.append("pre-pass was wrong about a tile: all tiles were read")
    return problems


def _genes_by_r(genes: pd.DataFrame) -> pd.DataFrame:
    """Genes of pseudo-bulk against bulk RNA-seq, highest r first, genes without an r last."""
    ordered = genes.sort_values("pearson", ascending=False, kind="stable")
    return pd.DataFrame(
        {
            "gene": gene_names(ordered),
            **ordered[["pearson", "p", "p_bh"]],
            "significant_positive": ordered["significant_positive"].astype(bool),
            "significant_negative": ordered["significant_negative"].astype(bool),
            "n_patients": ordered["n_patients"],
        }
    )
