"""Page on the pathways of the consistently predicted genes."""

from pathlib import Path

import pandas as pd

from stnet.analysis.pathways import FEWEST_GENES
from stnet.core.printed import short
from stnet.core.tables import TOO_FEW, read_table
from stnet.report.claims import read_claims
from stnet.report.page import page_table, without_blank_paper, write_page

SHOWN = 30  # gene sets, or more if more are enriched


def write_pathways_page(
    groups: str | Path,
    sets: str | Path,
    claims: str | Path | None,
    html: str | Path,
    *,
    experiment: str,
    level: float,
) -> None:
    """Write the page on groups of pathways, beside the paper's numbers, and on single pathways.

    Args:
        groups: table of groups of `stnet.analysis.pathways.write_pathways`.
        sets: table of gene sets of the same function, lowest P first.
        claims: the paper's claims; None leaves its numbers out.
        html: page to write.
        experiment: whose consistent genes they are.
        level: adjusted P up to which a gene set counts as enriched.
    """
    of_groups, of_sets = read_table(groups), read_table(sets)
    n_enriched = int(of_sets["enriched"].sum())
    shown = of_sets.head(max(n_enriched, SHOWN))
    few = f"Not evaluated: {TOO_FEW} to say which genes are predicted consistently."
    write_page(
        html,
        f"Pathways of the consistently predicted genes ({experiment})",
        [
            few
            if of_groups["note"].eq(TOO_FEW).any()
            else f"{n_enriched} of {len(of_sets)} pathways with at least {FEWEST_GENES} of the "
            f"genes are enriched (adjusted P ≤ {short(level)}).",
            "Predicted: target genes that are predicted consistently. Rest: the other target genes."
            " Genes without a symbol are left out of both. P: Fisher's exact test, one-sided. EASE:"
            " DAVID's score, the same P with one predicted gene removed. Both are adjusted by"
            " Benjamini–Hochberg, separately for groups and for pathways.",
            "Pathways overlap, so the same genes often enrich several of them. The groups are "
            "unions of the gene sets listed below."
            + (
                ""
                if claims is None
                else " The paper's are disease classes of DAVID, which are not"
                " available as gene sets, so numbers can differ from the paper's."
            ),
        ],
        [
            page_table(
                without_blank_paper(_with_counts(of_groups, _paper(of_groups, claims))),
                "Groups of pathways",
            ),
            page_table(
                _with_counts(shown, {"file": shown["file"]}, "gene_set"),
                "Pathways, lowest P first",
            ),
            page_table(of_groups[["group", "gene_sets"]], "What the groups are"),
        ],
        tsv=[groups, sets],
    )


def _paper(groups: pd.DataFrame, claims: str | Path) -> dict[str, list[str]]:
    """The paper's numbers for each group, with its note on the number of genes."""
    known = read_claims(claims).set_index("id")
    return {
        f"paper_{part}": [
            f"{known.loc[claim, 'value']} {known.loc[claim, 'note']}"
            if (claim := f"pathway.{group}.{part}") in known.index
            else ""
            for group in groups["group"]
        ]
        for part in ("predicted", "rest")
    }


def _with_counts(table: pd.DataFrame, more: dict, name: str = "group") -> pd.DataFrame:
    """Counts and P of a table of pathways, with the columns in `more` after the counts."""
    counts = {
        part: [
            "" if pd.isna(n) else f"{n:.0f} of the {total:.0f}"
            for n, total in zip(table[part], table[f"{part}_total"], strict=True)
        ]
        for part in ("predicted", "rest")
    }
    return pd.DataFrame(
        {
            name: table[name],
            **counts,
            **more,
            **table[["odds_ratio", "p", "p_bh", "ease", "ease_bh"]],
            "enriched": table["enriched"].astype(bool),
            "predicted_genes": table["predicted_genes"].fillna("").str.replace(",", ", "),
        }
    )
