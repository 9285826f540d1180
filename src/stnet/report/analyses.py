"""The registry of what a cohort's report shows, and of the tables that answer the claims.

The workflow's rules import this module to know what `all` and `supplement` make and what the ledger
reads, so it does not import pandas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stnet.core.errors import InputError
from stnet.core.suggest import suggest
from stnet.report.claim_rules import read_rows


@dataclass(frozen=True)
class Analysis:
    """One analysis of a cohort's results.

    Files are relative to the cohort's results. In their names stand `{main}` and `{label}` for the
    experiments of the report, `{experiment}` for each that it shows, `{nuclei}` for the nuclear
    features, `{section}` for each section, `{study}` for each study, `{ledger}` for each ledger and
    `{ledger_with_ablations}` for those that have ablations too. With `sources`, `{source}` and
    `{model}` stand for each source and its model.

    Attributes:
        needs: what a report must have: keys of `cohorts.*.report` that are filled in; `images`
            or `labels_only`, that the main experiment is not or is the label baseline; `network`,
            that it is a network; `simulated`, that the cohort is; `varied_weights` or
            `varied_architecture`, a study of these, whose name is also a placeholder.
        sources: key of the report with the external sources that it is made for. Claims are looked
            up in the tables of the first.
        shown: files that the target makes.
        tables: tables in which claims are looked up, by name.
        target: `all`, or `supplement`, whose ledger also has these tables.
        other_data: the tables are computed from other data than the paper's.
    """

    needs: tuple[str, ...] = ()
    sources: str = ""
    shown: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    target: str = "all"
    other_data: bool = False


CARD = "models/{main}/{model}.md"
VIEWER = "viewer/{main}/{source}/{model}.html"
EXTERNAL = "tables/{main}/{source}/{model}"

# A new analysis needs a row here, a rule, a script and a caption.
ANALYSES = [
    Analysis(shown=("index.html",)),
    Analysis(
        shown=(
            *(f"figures/{name}.png" for name in ("fig_1b", "fig_1c", "fig_1d")),
            *(f"figures/{name}.png" for name in ("supp_1a", "supp_1b", "fig_2a", "fig_2b")),
            *(f"tables/dataset/{name}.html" for name in ("dataset", "sections")),
            *("tables/leaks.html", "tables/table_1.html"),
            "tables/{experiment}/all/performance.html",
        ),
        tables={"dataset": "tables/dataset/summary.tsv"},
    ),
    Analysis(needs=("claims",), shown=("{ledger}.html",)),
    *(
        Analysis(
            needs=("claims", ablations),
            target="supplement",
            shown=("{ledger_with_ablations}.html",),
        )
        for ablations in ("studies", "single_genes")
    ),
    Analysis(
        needs=("images",),
        tables={
            "summary": "tables/{main}/all/summary.tsv",
            "genes": "tables/{main}/all/gene_performance.tsv",
            "patients": "tables/{main}/all/patient_performance.tsv",
        },
    ),
    Analysis(needs=("images",), shown=("viewer/{main}/held-out.html",)),
    Analysis(needs=("network",), shown=("figures/learning_curve.png",)),
    Analysis(
        needs=("simulated",),
        shown=("tables/controls.html",),
        tables={"controls": "tables/controls.tsv"},
    ),
    Analysis(shown=("tables/ceilings.html",)),
    Analysis(
        needs=("label",), shown=("figures/fig_2d.png", "tables/{main}/all/against-{label}.tsv")
    ),
    Analysis(
        needs=("images", "label"),
        tables={"label_summary": "tables/{label}/all/summary.tsv"},
    ),
    # Without images the main experiment is the label baseline; the paper's claims about ST-Net do
    # not apply to it.
    Analysis(needs=("labels_only",), tables={"label_summary": "tables/{main}/all/summary.tsv"}),
    Analysis(
        needs=("images",),
        shown=("tables/comparison.html", "tables/manuscript.html"),
        tables={"comparison": "tables/comparison.tsv"},
    ),
    Analysis(shown=("tables/protocols.html", "figures/protocols.png")),
    Analysis(
        needs=("images", "composition"),
        shown=("figures/supp_7b.png", "figures/supp_7c.png"),
        tables={"composition": "tables/composition/variance.tsv"},
    ),
    # DAVID's disease classes are not available as gene sets.
    Analysis(
        needs=("images", "pathways"),
        shown=("tables/pathways.html",),
        tables={"pathways": "tables/pathways.tsv"},
        other_data=True,
    ),
    Analysis(
        needs=("images", "label"),
        shown=("tables/within.html", "figures/supp_4.png", "figures/supp_5.png"),
        tables={
            "within": "tables/within.tsv",
            "tumour_genes": "tables/{main}/tumour/gene_performance.tsv",
        },
    ),
    Analysis(
        needs=("images", "nuclear_gene"),
        shown=("tables/nuclei/gene.html",),
        tables={"nuclear_gene": "tables/nuclei/gene.tsv"},
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
    ),
    Analysis(needs=("images", "features", "label"), shown=("figures/supp_6.png",)),
    Analysis(
        needs=("images", "interpretation"),
        shown=("figures/fig_3.png", "interpretation/attributions.html"),
    ),
    Analysis(
        needs=("images", "interpretation", "features"),
        tables={"on_nuclei": "interpretation/on_nuclei.tsv"},
    ),
    Analysis(
        needs=("images", "latent"),
        shown=(
            *(f"figures/{name}.png" for name in ("fig_4", "supp_9a", "supp_9b")),
            "latent/summary.html",
        ),
        tables={"latent": "latent/summary.tsv"},
    ),
    Analysis(needs=("images", "latent", "label"), shown=("figures/supp_8.png",)),
    Analysis(
        needs=("visium",), shown=("figures/fig_2c.png", "figures/supp_2.png", "tables/visium.html")
    ),
    Analysis(
        sources="visium",
        shown=(
            *(f"{EXTERNAL}/{name}" for name in ("visium.tsv", "spread.png")),
            VIEWER,
            CARD,
        ),
        tables={
            "visium": f"{EXTERNAL}/visium.tsv",
            "visium_genes": f"{EXTERNAL}/gene_performance.tsv",
        },
    ),
    Analysis(
        sources="slides",
        shown=(f"{EXTERNAL}/tcga.html", f"{EXTERNAL}/subtype_roc.png", VIEWER, CARD),
        tables={"tcga": f"{EXTERNAL}/summary.tsv", "subtype": f"{EXTERNAL}/subtype.tsv"},
    ),
    Analysis(
        needs=("colocalisation",),
        shown=("tables/colocalisation/summary.tsv", "figures/supp_3.png"),
        tables={"colocalisation_st": "tables/colocalisation/summary.tsv"},
    ),
    Analysis(
        needs=("colocalisation",),
        sources="slides",
        tables={"colocalisation_tcga": f"{EXTERNAL}/colocalisation_summary.tsv"},
    ),
    Analysis(
        needs=("studies",),
        target="supplement",
        shown=(
            "tables/studies/{study}.html",
            "figures/studies/{study}.png",
        ),
    ),
    Analysis(
        needs=("varied_weights",),
        target="supplement",
        tables={"study_weights": "tables/studies/{varied_weights}.tsv"},
    ),
    Analysis(
        needs=("varied_architecture",),
        target="supplement",
        tables={"study_architecture": "tables/studies/{varied_architecture}.tsv"},
    ),
    Analysis(
        needs=("single_genes",),
        target="supplement",
        shown=("figures/supp_12.png", "tables/single_genes.html"),
        tables={"single_genes": "tables/single_genes_summary.tsv"},
    ),
]


def check_claims(path: str | Path) -> None:
    """Check a table of claims before the run (`read_rows`), which may be one that a rule makes.

    Raises InputError as `read_rows`, and for a table of results that no analysis makes.
    """
    known = [name for each in ANALYSES for name in each.tables]
    for claim in read_rows(path) if Path(path).is_file() else []:
        if claim.table not in known:
            raise InputError(
                f"{path}: {claim.id}: no table {claim.table}"
                f"{suggest(claim.table, known) or '; there are ' + ', '.join(known)}"
            )
