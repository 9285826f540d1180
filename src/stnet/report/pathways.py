"""The page of the pathways that the consistently predicted genes are in."""

from pathlib import Path

import pandas as pd

from stnet.analysis.pathways import FEWEST_GENES
from stnet.core.tables import read_table
from stnet.report.claims import read_claims
from stnet.report.page import page_table, short, write_page

# Gene sets that are not enriched are shown too, down to so many in all.
SHOWN = 30


def write_pathways_page(
    groups: str | Path,
    sets: str | Path,
    claims: str | Path,
    html: str | Path,
    *,
    experiment: str,
    level: float,
) -> None:
    """Write the groups of pathways beside the paper's numbers, and the single pathways, as a page.

    `groups` and `sets` are the tables of `stnet.analysis.pathways.write_pathways`, `level` the
    adjusted p at which a pathway counts as enriched.
    """
    of_groups, of_sets = read_table(groups), read_table(sets)
    n_enriched = int(of_sets["enriched"].sum())
    shown = of_sets.head(max(n_enriched, SHOWN))
    write_page(
        html,
        f"Pathways of the genes predicted consistently ({experiment})",
        [
            "Predicted: target genes that are predicted consistently; the rest are the other target"
            " genes. Genes without a symbol are left out of both. P by Fisher's exact test,"
            " one-sided; EASE is DAVID's score, the same P with one predicted gene removed; both"
            " are adjusted by Benjamini and Hochberg, over the groups and over the pathways.",
            "The paper's groups are disease classes of DAVID, which are not to be had as gene sets."
            " Those of this run are unions of the gene sets named below, so the numbers are of"
            " other groups and need not be the paper's.",
            f"{n_enriched} of {len(of_sets)} pathways with at least {FEWEST_GENES} of the genes are"
            f" enriched (adjusted P ≤ {short(level)}). Pathways contain one another: what is found"
            " in one is often found in several.",
        ],
        [
            page_table(_with_counts(of_groups, _paper(of_groups, claims)), "Groups of pathways"),
            page_table(
                _with_counts(shown, {"Source": shown["file"]}, "Pathway", "gene_set"),
                "Pathways, lowest P first",
            ),
            page_table(
                pd.DataFrame({"Group": of_groups["group"], "Gene sets": of_groups["gene_sets"]}),
                "What the groups are",
            ),
        ],
    )


def _paper(groups: pd.DataFrame, claims: str | Path) -> dict[str, list[str]]:
    """What the paper says of each group, and of how many genes."""
    known = read_claims(claims).set_index("id")
    columns = {"Predicted, paper": "predicted", "Rest, paper": "rest"}
    return {
        heading: [
            f"{known.loc[claim, 'value']} {known.loc[claim, 'note']}"
            if (claim := f"pathway.{group}.{part}") in known.index
            else ""
            for group in groups["group"]
        ]
        for heading, part in columns.items()
    }


def _with_counts(
    table: pd.DataFrame, more: dict, heading: str = "Group", name: str = "group"
) -> pd.DataFrame:
    """Counts and p of a table of pathways in words, `more` columns after the counts."""
    counts = {
        part.capitalize(): [
            f"{n} of the {total}"
            for n, total in zip(table[part], table[f"{part}_total"], strict=True)
        ]
        for part in ("predicted", "rest")
    }
    return pd.DataFrame(
        {
            heading: table[name],
            **counts,
            **more,
            "Odds ratio": table["odds_ratio"],
            "P": table["p"],
            "P, adjusted": table["p_bh"],
            "EASE": table["ease"],
            "EASE, adjusted": table["ease_bh"],
            "Enriched": table["enriched"].astype(bool),
            "Predicted genes": table["predicted_genes"].fillna("").str.replace(",", ", "),
        }
    )
