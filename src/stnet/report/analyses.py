"""The registry of what a cohort's report shows, and of the tables that answer the paper's claims.

The workflow's rules import this module to know what `all` and `supplement` make and what the ledger
reads, so it does not import pandas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from stnet.config.strata import CLASSES
from stnet.report import lookups
from stnet.report.finding import Answer, Finding, quantity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Analysis:
    """One analysis of a cohort's results.

    Files are relative to the cohort's results. In their names stand `{main}` and `{label}` for the
    experiments of the report, `{experiment}` for each that it shows, `{nuclei}` for the nuclear
    features, `{section}` for each section and `{study}` for each study. With `sources`, `{source}`
    and `{model}` stand for each source and its model, and `{mapped}` for each section or slide that
    is drawn.

    Attributes:
        needs: what a report must have: keys of `cohorts.*.report` that are filled in; `images`
            or `labels_only`, that the main experiment is not or is the label baseline; `network`,
            that it is a network; `simulated`, that the cohort is; `varied_weights` or
            `varied_architecture`, a study of these, whose name is also a placeholder.
        sources: key of the report with the external sources that it is made for. Claims are
            answered by the first.
        shown: files that the target makes.
        tables: tables that answer claims, by name; the first is an answer's unless it says others.
        answers: how claims are looked up in the tables, by the claim's id or a pattern with *. The
            first pattern that fits a claim counts.
        target: `all`, or `supplement`, whose ledger also has these tables.
        other_data: the tables are computed from other data than the paper's.
    """

    needs: tuple[str, ...] = ()
    sources: str = ""
    shown: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    target: str = "all"
    other_data: bool = False


MAPS = "figures/maps/{source}/{main}/{model}"
EXTERNAL = "tables/{main}/{source}/{model}"
MEDIAN = "median r over patients, the sections of a patient pooled"

# A new analysis needs a row here, a rule, a script and a caption.
ANALYSES = [
    Analysis(
        shown=(
            *(f"figures/{name}.png" for name in ("fig_1b", "fig_1c", "fig_1d")),
            *(f"figures/{name}.png" for name in ("supp_1a", "supp_1b", "fig_2a", "fig_2b")),
            *("ledger.tsv", "tables/table_1.tsv", "tables/dataset/dataset.html"),
            "tables/{experiment}/all/performance.html",
        ),
        tables={"dataset": "tables/dataset/summary.tsv"},
        answers={
            "cohort.genes": Answer(
                quantity("genes"), "union of the genes in the tables of all sections"
            ),
            "cohort.*": Answer(quantity("{}"), "over the spots used"),
        },
    ),
    Analysis(
        needs=("images",),
        tables={"summary": "tables/{main}/all/summary.tsv"},
        answers={
            "target.genes": Answer(quantity("n_genes"), "number of genes predicted"),
            "stnet.rmse": Answer(quantity("rmse"), "over all held-out spots and genes"),
            "stnet.consistent_genes": Answer(quantity("consistent_genes", "consistency_reason")),
            "stnet.fdr": Answer(quantity("fdr", "consistency_reason")),
            "smooth.better": Answer(
                lookups.smoothing_gain, "median r over genes, smoothed minus raw measurements"
            ),
        },
    ),
    Analysis(
        needs=("images",),
        tables={
            "genes": "tables/{main}/all/gene_performance.tsv",
            "patients": "tables/{main}/all/patient_performance.tsv",
        },
        answers={
            "stnet.top_genes": Answer(lookups.names_of_top_genes, f"highest {MEDIAN}"),
            "stnet.*.consistent": Answer(
                lookups.of_gene("n_consistent", "wilson"), "patients with r > 0; Wilson's interval"
            ),
            "stnet.*.median_r": Answer(lookups.of_gene("median_pearson"), MEDIAN),
            "stnet.*.median_r_smooth": Answer(
                lookups.of_gene("median_pearson_smooth"), f"{MEDIAN}, smoothed measurements"
            ),
            "stnet.*.r_patient_rank*": Answer(
                lookups.of_ranked_patient, tables=("genes", "patients")
            ),
        },
    ),
    Analysis(needs=("network",), shown=("figures/learning_curve.png",)),
    Analysis(needs=("simulated",), shown=("tables/controls.html",)),
    Analysis(
        needs=("label",), shown=("figures/fig_2d.png", "tables/{main}/all/against-{label}.tsv")
    ),
    Analysis(
        needs=("images", "label"),
        tables={
            "label_summary": "tables/{label}/all/summary.tsv",
            "against_label": "tables/{main}/all/against-{label}.tsv",
        },
        answers={
            "label.consistent_genes": Answer(quantity("consistent_genes", "consistency_reason")),
            "label.beaten": Answer(lookups.genes_ahead, f"higher {MEDIAN}", ("against_label",)),
        },
    ),
    # Without images the main experiment is the label baseline; the paper's claims about ST-Net do
    # not apply to it.
    Analysis(needs=("labels_only",), tables={"label_summary": "tables/{main}/all/summary.tsv"}),
    Analysis(
        needs=("images",),
        shown=("tables/comparison.html",),
        tables={"comparison": "tables/comparison.tsv"},
        answers=dict.fromkeys(
            [
                *("features.consistent_genes", "features.beaten"),
                *("composition.consistent_genes", "composition.beaten", "composition.mean_r_gain"),
            ],
            Answer(lookups.of_method),
        ),
    ),
    Analysis(
        needs=("images", "composition"),
        shown=("figures/supp_7b.png", "figures/supp_7c.png"),
        tables={"composition": "tables/composition/variance.tsv"},
        answers={"composition.ten_suffice": Answer(lookups.of_ten)},
    ),
    # DAVID's disease classes are not available as gene sets.
    Analysis(
        needs=("images", "pathways"),
        shown=("tables/pathways.html",),
        tables={"pathways": "tables/pathways.tsv"},
        answers={"pathway.*": Answer(lookups.in_pathways)},
        other_data=True,
    ),
    Analysis(
        needs=("images", "label"),
        shown=("tables/within.html", "figures/supp_4.png", "figures/supp_5.png"),
        tables={
            "within": "tables/within.tsv",
            "tumour_genes": "tables/{main}/tumour/gene_performance.tsv",
        },
        answers={
            f"{stratum}_only.{name}": Answer(
                quantity(f"{stratum}.claimed_{value}", f"{stratum}.claimed_how")
            )
            for stratum in CLASSES
            for name, value in (("consistent_genes", "genes"), ("fdr", "fdr"))
        }
        | {
            "tumour_only.top_genes": Answer(
                lookups.names_of_top_genes, f"highest {MEDIAN}, tumour spots", ("tumour_genes",)
            )
        },
    ),
    Analysis(
        needs=("images", "nuclear_gene"),
        shown=("tables/nuclei/gene.html",),
        tables={"nuclear_gene": "tables/nuclei/gene.tsv"},
        answers={"nuclei.aebp1_p": Answer(lookups.of_nuclear_gene)},
    ),
    Analysis(
        needs=("images", "features"),
        shown=(
            "tables/supp_table_2.html",
            "tables/supp_table_3.html",
            "figures/supp_7a.png",
            "figures/nuclei/{nuclei}/{section}.jpg",
        ),
        tables={"nuclei": "tables/nuclei/top_genes.tsv"},
        answers={"nuclei.enlarged_high": Answer(lookups.enlarged)},
    ),
    Analysis(needs=("images", "features", "label"), shown=("figures/supp_6.png",)),
    Analysis(needs=("images", "interpretation"), shown=("figures/fig_3.png",)),
    Analysis(
        needs=("images", "interpretation", "features"), shown=("interpretation/on_nuclei.tsv",)
    ),
    Analysis(
        needs=("images", "latent"),
        shown=("figures/fig_4.png", "figures/supp_9a.png", "figures/supp_9b.png"),
        tables={"latent": "latent/summary.tsv"},
        answers={
            "latent.purity_*": Answer(
                quantity("{}"), "two k-means clusters per patient; over patients"
            ),
            "latent.separates_labels": Answer(
                quantity("ari_mean_both"),
                "adjusted Rand index of two k-means clusters; mean over patients with both classes",
            ),
            "latent.similar_neighbour_better": Answer(lookups.similar_neighbour),
            "latent.neighbours_not_adjacent": Answer(
                quantity("not_adjacent"), "share of spots, mean over patients"
            ),
        },
    ),
    Analysis(needs=("images", "latent", "label"), shown=("figures/supp_8.png",)),
    Analysis(
        needs=("visium",), shown=("figures/fig_2c.png", "figures/supp_2.png", "tables/visium.html")
    ),
    Analysis(
        sources="visium",
        shown=(f"{EXTERNAL}/visium.tsv", f"{MAPS}/{{mapped}}.png"),
        tables={
            "visium": f"{EXTERNAL}/visium.tsv",
            "visium_genes": f"{EXTERNAL}/patient_performance.tsv",
        },
        answers={
            # The tables of the main experiment have the genes' ids.
            "stnet.*.r_10x": Answer(
                lookups.on_visium, f"Visium: {MEDIAN}", ("visium_genes", "genes")
            ),
            "visium.genes": Answer(quantity("genes"), "target genes measured on Visium"),
            "visium.median_counts": Answer(quantity("median_counts"), "over the spots used"),
            "visium.*": Answer(quantity("{}"), "per gene, over the spots of all sections"),
        },
    ),
    Analysis(
        sources="slides",
        shown=(f"{EXTERNAL}/tcga.html", f"{EXTERNAL}/subtype_roc.png", f"{MAPS}/{{mapped}}.png"),
        tables={"tcga": f"{EXTERNAL}/summary.tsv", "subtype": f"{EXTERNAL}/subtype.tsv"},
        answers={
            "tcga.subtype_auroc.*": Answer(lookups.subtype_auroc, tables=("subtype",)),
            "tcga.slides": Answer(quantity("slides"), "slides with tiles"),
            "tcga.patients": Answer(quantity("patients"), "patients with tiles"),
            "tcga.genes": Answer(quantity("genes"), "target genes measured in bulk RNA-seq"),
            "tcga.*": Answer(
                quantity("{}"), "r over patients, mean prediction over tiles against bulk"
            ),
        },
    ),
    Analysis(
        needs=("colocalisation",),
        shown=("tables/colocalisation/summary.tsv", "figures/supp_3.png"),
        tables={"colocalisation_st": "tables/colocalisation/summary.tsv"},
        answers={"colocalisation.st.p": Answer(lookups.less_than_chance)},
    ),
    Analysis(
        needs=("colocalisation",),
        sources="slides",
        tables={"colocalisation_tcga": f"{EXTERNAL}/colocalisation_summary.tsv"},
        answers={"colocalisation.tcga.p": Answer(lookups.less_than_chance)},
    ),
    Analysis(
        needs=("studies",),
        target="supplement",
        shown=(
            "tables/studies/{study}.html",
            "figures/studies/{study}.png",
            "ledger-supplement.tsv",
        ),
    ),
    Analysis(
        needs=("varied_weights",),
        target="supplement",
        tables={"study_weights": "tables/studies/{varied_weights}.tsv"},
        answers={"weights.imagenet_better": Answer(lookups.over_random_weights)},
    ),
    Analysis(
        needs=("varied_architecture",),
        target="supplement",
        tables={"study_architecture": "tables/studies/{varied_architecture}.tsv"},
        answers={"architecture.densenet_best": Answer(lookups.over_architectures)},
    ),
    Analysis(
        needs=("single_genes",),
        target="supplement",
        shown=("figures/supp_12.png", "ledger-supplement.tsv"),
        tables={"single_genes": "tables/single_genes_summary.tsv"},
        answers={
            "genes.shared_similar": Answer(
                quantity("mean_difference"), "mean difference in median r, together minus alone"
            )
        },
    ),
]

ANSWERS = {
    claim: found._replace(tables=found.tables or (next(iter(each.tables)),))
    for each in ANALYSES
    for claim, found in each.answers.items()
}


def answer(claim: str, tables: Mapping[str, pd.DataFrame]) -> Finding | None:
    """Look a claim up in the results; None if this run has no table that answers it.

    Args:
        claim: id of the claim.
        tables: results, by the names in `ANALYSES`.
    """
    entry = next((ANSWERS[pattern] for pattern in ANSWERS if fnmatchcase(claim, pattern)), None)
    if entry is None or not all(name in tables for name in entry.tables):
        return None
    found = entry.find(claim, *(tables[name] for name in entry.tables))
    return found._replace(how=found.how or entry.how, tables=entry.tables)
