"""Pages of the external data for the report: 10x Visium sections, and the slides of TCGA."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from stnet.core.tables import gene_names, read_table
from stnet.figures.subtype_roc import FEATURES
from stnet.inference.flags import WARNINGS
from stnet.report.claims import read_claims
from stnet.report.page import page_table, short, write_page

# So many of the slides that something is unusual about are named.
NAMED = 5
# Quantities of the summaries, and how genes were matched, in words.
VISIUM = {
    "genes": "genes measured",
    "positive_genes": "genes with r > 0",
    "mean_r": "mean r",
    "mean_auroc": "mean AUROC",
    "median_counts": "median counts in a spot",
}
TCGA = {
    "slides": "slides with tiles",
    "patients": "patients with tiles",
    "patients_with_bulk": "of these with bulk RNA-seq",
    "genes": "genes in bulk RNA-seq",
    "positive_genes": "genes with r > 0",
    "significant_genes": "genes with significantly positive r",
    "significant_negative_genes": "genes with significantly negative r",
}
MATCHES = {"ensembl": "found by Ensembl id", "symbol": "found by symbol", "alias": "found by alias"}


def write_visium_page(
    summaries: Mapping[str, str | Path],
    alignments: Sequence[str | Path],
    claims: str | Path,
    html: str | Path,
    *,
    experiment: str,
) -> None:
    """Write how the networks of `experiment` do on external Visium sections, as a page.

    `summaries` are the tables `visium.tsv` by the name of their source, the one to compare with
    the paper first, variants of it (as unscaled windows) after it. `alignments` are the first
    one's tables of genes, named `{section}.alignment.tsv`.
    """
    tables = {name: read_table(path).set_index("quantity") for name, path in summaries.items()}
    main, totals = next(iter(tables.items()))
    aligned = {
        Path(path).name.removesuffix(".alignment.tsv"): read_table(path) for path in alignments
    }
    shown = _beside_paper(VISIUM, _paper(claims, "visium."), tables)
    write_page(
        html,
        f"External Visium sections ({main}, networks of {experiment})",
        [
            "Networks are applied as they are. The genes are those predicted that the sections "
            "measure. r and AUROC of a gene are over the spots of all sections of a patient; AUROC "
            "is for spots in the top against those in the bottom quarter of the measurement.",
        ],
        [
            page_table(shown, "In total"),
            page_table(_by_section(totals), "By section"),
            page_table(_matches(aligned), "How the genes were found"),
            page_table(_lost(aligned), "Genes that were not found, and why"),
        ],
    )


def write_tcga_page(
    summary: str | Path,
    subtype: str | Path,
    slides: str | Path,
    genes: str | Path,
    claims: str | Path,
    html: str | Path,
    *,
    source: str,
    experiment: str,
) -> None:
    """Write how the networks of `experiment` do on the slides of `source`, as a page."""
    totals = read_table(summary).set_index("quantity")
    note = totals["value"].get("note")
    of_subtypes = read_table(subtype)
    write_page(
        html,
        f"Whole slides ({source}, networks of {experiment})",
        [
            "Networks are applied as they are to tiles of frozen slides. The pseudo-bulk of a "
            "patient is the mean prediction over the tiles of its slides; r of a gene is over "
            "patients, against ln(1 + FPKM) of bulk RNA-seq. Significant is a two-sided p of at "
            "most 0.05, adjusted by Benjamini and Hochberg. Intervals are 95%, over patients.",
            *([] if pd.isna(note) else [f"{note}."]),
            f"Subtypes: {of_subtypes['compared'].iloc[0]}. The paper chooses the significant genes "
            "on all patients; split first chooses them on the training patients only.",
        ],
        [
            page_table(
                _beside_paper(TCGA, _paper(claims, "tcga."), {"This run": totals}), "In total"
            ),
            page_table(_subtypes(of_subtypes, claims), "Telling subtypes apart: AUROC"),
            page_table(_unusual(read_table(slides)), "Slides with something unusual"),
            page_table(_genes_by_r(read_table(genes)), "Genes, by r"),
        ],
    )


def _paper(claims: str | Path, prefix: str) -> pd.DataFrame:
    """The claims whose ids begin with `prefix`, by what follows it."""
    table = read_claims(claims).set_index("id")
    return table[table.index.str.startswith(prefix)].rename(lambda name: name.removeprefix(prefix))


def _beside_paper(
    words: Mapping[str, str], paper: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Quantities in words, the paper's values, and those of summaries by heading."""
    shown = pd.DataFrame({"": words.values(), "Paper": paper["value"].reindex([*words]).map(short)})
    for heading, table in tables.items():
        found = table.reindex([*words])
        shown[heading] = [
            _with_interval(row.value, row.ci_low, row.ci_high) for row in found.itertuples()
        ]
    return shown


def _with_interval(value: float | str, low: float | str, high: float | str) -> str:
    if pd.isna(value):
        return ""
    # Spaces at which no line breaks.
    interval = "" if pd.isna(low) else f"\u00a0({short(low)}\u00a0to\u00a0{short(high)})"
    return f"{short(value)}{interval}"


def _by_section(totals: pd.DataFrame) -> pd.DataFrame:
    """The quantities of a summary whose names end in a section, a row a section."""
    parts = totals["value"][totals.index.str.contains(".", regex=False)]
    quantity, section = zip(*(name.split(".", 1) for name in parts.index), strict=True)
    wide = parts.set_axis(pd.MultiIndex.from_arrays([section, quantity])).unstack(sort=False)
    shown = wide.reindex(columns=[name for name in VISIUM if name in wide])
    return shown.map(short).rename(columns=VISIUM).rename_axis("Section").reset_index()


def _matches(aligned: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How many genes were found by what, a column a section."""
    counts = {name: table["by"].fillna("").value_counts() for name, table in aligned.items()}
    words = {**MATCHES, "": "not found"}
    found = pd.DataFrame(counts).reindex([*words]).fillna(0).astype(int)
    return found.rename(words).rename_axis("").reset_index()


def _lost(aligned: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The genes that were not found: a row a reason, with the sections it is the reason in."""
    everything = pd.concat(table.assign(section=name) for name, table in aligned.items())
    lost = everything[everything["by"].isna()]
    lost = lost.assign(name=gene_names(lost))
    genes = lost.groupby(["name", "reason"], sort=False)["section"].agg(", ".join).reset_index()
    reasons = genes.groupby(["reason", "section"], sort=False)["name"].agg(["size", ", ".join])
    return reasons.reset_index().set_axis(["Reason", "Sections", "Number", "Genes"], axis=1)


def _subtypes(subtype: pd.DataFrame, claims: str | Path) -> pd.DataFrame:
    """AUROC by set of features, beside the paper's, and what it is of."""
    paper = _paper(claims, "tcga.subtype_auroc.")
    beside = paper.reindex(subtype["features"])
    rows = zip(subtype.itertuples(), beside.itertuples(), strict=True)
    return pd.DataFrame(
        [
            {
                "Features": FEATURES[row.features][0],
                "Paper": _with_interval(known.value, known.ci_low, known.ci_high),
                "This run": _with_interval(row.auroc, row.ci_low, row.ci_high),
                "Number of features": row.n_features,
                "Training patients": row.n_train,
                "Test patients": row.n_test,
                "C": row.C,
                "Remark": row.note,
            }
            for row, known in rows
        ]
    )


def _unusual(slides: pd.DataFrame) -> pd.DataFrame:
    """What is unusual about slides: a row each, with how many slides and the first of them."""
    matters = pd.Series([_matters(row) for row in slides.itertuples()], index=slides["slide"])
    matters = matters.explode().dropna()
    rows = [
        (matter, len(names), ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else ""))
        for matter, names in matters.groupby(matters, sort=False).groups.items()
    ]
    return pd.DataFrame(rows, columns=["What", "Number", "Slides"])


def _matters(slide: tuple) -> list[str]:
    if not pd.isna(slide.refused):
        return [f"refused: {slide.refused}"]
    if not slide.n_tiles:
        return ["no tile has enough tissue"]
    matters = [] if pd.isna(slide.far) else [WARNINGS[flag] for flag in slide.far.split(",")]
    if slide.magnification_from == "configured":
        matters.append("says no scale: that of the configuration")
    if slide.refuted:
        matters.append("tiles passed over as background that were not")
    return matters


def _genes_by_r(genes: pd.DataFrame) -> pd.DataFrame:
    """The genes of pseudo-bulk against bulk, highest r first, those without r last."""
    ordered = genes.sort_values("pearson", ascending=False, kind="stable")
    return pd.DataFrame(
        {
            "Gene": gene_names(ordered),
            "Patients": ordered["n_patients"],
            "r": ordered["pearson"],
            "p": ordered["p"],
            "p, adjusted": ordered["p_bh"],
            "Significantly positive": ordered["significant_positive"].astype(bool),
            "Significantly negative": ordered["significant_negative"].astype(bool),
        }
    )
