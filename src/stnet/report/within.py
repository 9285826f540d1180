"""Table and page on the prediction within tumour and within normal tissue, beside the paper."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.analysis.choice import top_genes
from stnet.core.errors import InputError
from stnet.core.tables import gene_names, read_table, write_table
from stnet.evaluation.consistency import HOLM_LEVEL
from stnet.report.claim_rules import THRESHOLD_COLUMNS
from stnet.report.claims import read_claims
from stnet.report.comparison import estimates
from stnet.report.page import formatted, page_table, without_blank_paper, write_page
from stnet.report.words import said, word

# By stratum: its title on the page, and the first part of the ids of its claims.
TITLES = {
    "all": ("All spots", "stnet"),
    "tumour": ("Tumour", "tumour_only"),
    "normal": ("Normal", "normal_only"),
}
EXPLAINED = {
    name: text
    for title, _ in TITLES.values()
    for name, text in (
        (title, "Value over these spots alone."),
        (f"{title}, paper", "The same in the paper."),
        (f"{title}: genes", "Number of genes, over these spots alone."),
    )
}
# Quantities of the summary, and those at the paper's threshold.
SUMMARY = [
    *("n_patients", "n_patients_with_r", "n_spots", "median_pearson", "median_partial"),
    *("consistency_rule", "consistent_genes", "fewest_consistent_patients", "fdr"),
    *("consistent_genes_holm", "consistent_genes_bh", "consistent_genes_t"),
]
THRESHOLD = ["threshold", "threshold_genes", "threshold_fdr", "threshold_fdr_excused"]
SPREAD = ["within_class", "sd_all", "sd_tumour", "sd_normal"]
PAPER = (
    "The paper counts genes with r > 0 in a fixed number of patients. That count is given if this "
    "run has as many patients as the paper; the tests of this run can give another number of "
    "genes. The paper's adjusted P for normal tissue is obtained only if patients without normal "
    "spots are counted as consistent for every gene."
)
# By quantity: the last part of the id of the claim on it.
STATED = {"threshold_genes": "consistent_genes", "threshold_fdr": "fdr", "top_genes": "top_genes"}


def write_within(
    summaries: Mapping[str, str | Path],
    gene_tables: Mapping[str, str | Path],
    thresholds: str | Path,
    spread_of_genes: str | Path,
    claims: str | Path | None,
    tsv: str | Path,
    html: str | Path,
    *,
    experiment: str,
) -> None:
    """Write the performance within each class, as a table and as a page.

    Args:
        summaries: paths of `summary.tsv` by stratum.
        gene_tables: paths of the gene performance by stratum.
        thresholds: table of `stnet.evaluation.thresholds.thresholds`.
        spread_of_genes: table of `stnet.analysis.spread.spread_of_genes`.
        claims: the paper's claims; None leaves its numbers and its threshold out.
        tsv: table to write.
        html: page to write.
        experiment: title of the experiment.

    Raises:
        InputError: the claims have no threshold of consistent genes.
    """
    totals = {s: read_table(path).set_index("quantity")["value"] for s, path in summaries.items()}
    genes = {s: read_table(path) for s, path in gene_tables.items()}
    counts, shares = read_table(thresholds), read_table(spread_of_genes)
    of_paper = [] if claims is None else [PAPER]
    table = within(totals, genes, counts, read_claims(claims))
    write_table(table, tsv)
    write_page(
        html,
        f"Within tumour and within normal tissue ({experiment})",
        [
            "Median r over genes: "
            + ", ".join(
                f"{TITLES[name][0].lower()} {formatted(each['median_pearson'], 3) or 'undefined'}"
                for name, each in totals.items()
            )
            + ".",
            "The columns Tumour and Normal evaluate the spots of one class only, so recognising "
            "the class does not help the prediction. Patients without such spots are left out. "
            "Patients with fewer than four such spots are counted but have no r. Medians are over "
            "patients. BH: Benjamini–Hochberg.",
            *of_paper,
            "Variance within classes: the share of a gene's variance over the spots of a patient "
            "that remains within its tumour spots and within its normal spots, for patients with "
            "both. It includes counting noise and differences in sequencing depth. The s.d. are "
            "medians over patients.",
        ],
        [
            page_table(without_blank_paper(_by_stratum(table)), "By tissue", explained=EXPLAINED),
            *(
                page_table(_best(genes[stratum], shares), f"{title}: the best predicted genes")
                for stratum, (title, _) in TITLES.items()
            ),
            page_table(
                _at_least(counts),
                "Genes with r > 0 in at least k patients, for every k",
                explained=EXPLAINED,
            ),
        ],
        tsv=[tsv, thresholds, spread_of_genes],
    )


def within(
    totals: Mapping[str, pd.Series],
    genes: Mapping[str, pd.DataFrame],
    thresholds: pd.DataFrame,
    claims: pd.DataFrame,
) -> pd.DataFrame:
    """Table `quantity value paper`, all text, with quantities named `{stratum}.{name}`.

    `totals` are summaries and `genes` the gene performance, by stratum. The names are those of the
    summary, then:

    - `threshold`, of the paper only; `threshold_genes`, `threshold_fdr` and
      `threshold_fdr_excused` from the table of thresholds, missing if the run has another number of
      patients than the paper;
    - `claimed_genes` and `claimed_fdr`, which answer the claims: at the paper's threshold, or else
      by the rule of the summary; `claimed_how` says which;
    - `top_genes`.

    Without claims there is nothing of the paper. Raises InputError if claims have no threshold.
    """
    stated = claims.set_index("id")
    rows = []
    for stratum, (_, claim) in TITLES.items():
        paper = {name: stated["value"].get(f"{claim}.{end}", "") for name, end in STATED.items()}
        least, of = 0, 0
        if len(claims):
            threshold = stated.loc[f"{claim}.consistent_genes", THRESHOLD_COLUMNS]
            if not threshold.str.isdigit().all():
                raise InputError(
                    f"claims: {claim}.consistent_genes: no {' and '.join(THRESHOLD_COLUMNS)}; "
                    "restore the file"
                )
            least, of = threshold.astype(int)
            paper["threshold"] = f"{least} of {of}"
        of_stratum = thresholds[thresholds["stratum"] == stratum]
        found = _found(totals[stratum], of_stratum, least, of)
        top = top_genes(genes[stratum])
        found["top_genes"] = ",".join(gene_names(top))
        for name, value in found.items():
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            known = paper.get(name, "")
            rows.append((f"{stratum}.{name}", "" if text == "nan" else text, known))
    return pd.DataFrame(rows, columns=["quantity", "value", "paper"])


def _found(total: pd.Series, thresholds: pd.DataFrame, least: int, of: int) -> dict[str, object]:
    """Quantities of a stratum, also at the paper's threshold of `least` of `of` patients."""
    at = thresholds[(thresholds["n_patients"] == of) & (thresholds["at_least"] == least)]
    at = at[["genes", "fdr", "fdr_excused"]].reset_index(drop=True).reindex([0]).iloc[0]
    found = {name: total[name] for name in SUMMARY} | {"threshold": ""}
    found |= at.add_prefix("threshold_").to_dict()
    if pd.isna(at["genes"]):
        found |= {"claimed_genes": total["consistent_genes"], "claimed_fdr": total["fdr"]}
        return found | {"claimed_how": total["consistency_reason"]}
    how = f"genes with r > 0 in at least {least} of {of} patients, the paper's threshold; "
    how += f"{total['consistent_genes_holm']} by Holm ≤ {HOLM_LEVEL}"
    return found | {"claimed_genes": at["genes"], "claimed_fdr": at["fdr"], "claimed_how": how}


def _by_stratum(table: pd.DataFrame) -> pd.DataFrame:
    """One row per quantity, with a column for each stratum and for the paper's value of it."""
    values = table.set_index("quantity")
    at_threshold = THRESHOLD if values["paper"].ne("").any() else []
    names = [*SUMMARY, *at_threshold, "top_genes"]
    words = [word(name) for name in names]
    shown = pd.DataFrame({"quantity": [each.heading for each in words]})
    for stratum, (title, _) in TITLES.items():
        rows = values.loc[[f"{stratum}.{name}" for name in names]]
        for heading, column in ((title, "value"), (f"{title}, paper", "paper")):
            texts = rows[column].str.replace(",", ", ")
            shown[heading] = [
                formatted(said(name, text), each.digits)
                for name, text, each in zip(names, texts, words, strict=True)
            ]
    return shown.assign(meaning=[each.explanation for each in words])


def _best(genes: pd.DataFrame, spread_of_genes: pd.DataFrame) -> pd.DataFrame:
    """The top genes of a stratum with their r and their variance within classes."""
    top = top_genes(genes)
    spread = spread_of_genes.set_index("gene").reindex(top["gene"]).reset_index()
    shown = pd.DataFrame(
        {
            "gene": gene_names(top).to_numpy(),
            "median_pearson": estimates(top, "median_pearson"),
            "median_partial": top["median_partial"].to_numpy(),
            "n_consistent": top["n_consistent"].to_numpy(),
            "n_patients": top["n_patients"].to_numpy(),
            **spread[SPREAD],
        }
    )
    medians = spread_of_genes[SPREAD].median()
    shown.loc[len(shown), ["gene", *SPREAD]] = ["all genes, median", *medians]
    return shown


def _at_least(thresholds: pd.DataFrame) -> pd.DataFrame:
    """For every number of patients, the genes of each stratum with r > 0 in at least as many."""
    wide = thresholds.pivot(index="at_least", columns="stratum", values="genes")
    wide = wide.reindex(columns=[*TITLES])
    wide.columns = [f"{title}: genes" for title, _ in TITLES.values()]
    return wide.reset_index()
