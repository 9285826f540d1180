"""Table and page of the control on a simulated cohort."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.analysis.control import controls
from stnet.core.tables import read_table, write_table
from stnet.report.comparison import KINDS, estimates
from stnet.report.page import page_table, write_page
from stnet.report.words import INTERVALS

# What genes of each kind follow, in words.
FOLLOWED = {
    "tumour": "the share of tumour: structure and colour both show it",
    "immune": "the density of lymphocytes: structure and colour both show it",
    "stroma": "the share of stroma: structure and colour both show it",
    "size": "whether nuclei are few and large or many and small. Both cover the same area with the "
    "same stain, so that mean and s.d. of a patch's colours hardly show it",
    "eosin": "how pink the tissue is, whatever its structure",
    "depth": "nothing but the spot's sequencing depth, as every gene does. Depth follows the "
    "section's thickness, which the image shows as darker stain",
    "none": "nothing that an image shows",
}
# What the kinds of genes that only the controls have can show.
LESSONS = {
    "size": "Only a method that sees the structure of tissue finds genes of the nuclei's size.",
    "depth": "What any method finds of a gene that follows nothing but depth is not biology; r "
    "given depth (the partial correlation given the ln of the spots' total counts and its square) "
    "takes it out, and should be about 0.",
}


def write_controls(
    genes: Mapping[str, str | Path],
    patients: Mapping[str, str | Path],
    truth: str | Path,
    tsv: str | Path,
    html: str | Path,
    *,
    methods: Mapping[str, Mapping[str, str]],
) -> None:
    """Write the performance by kind of planted gene (`controls`), as a table and as a page.

    Args:
        genes: paths of the gene performance by experiment, the main one first.
        patients: paths of the patient performance by experiment.
        truth: the simulation's table of genes.
        tsv: table to write.
        html: page to write.
        methods: for each experiment its `title`, its `kind` and what it is built on (`of`).

    Raises:
        InputError: the truth does not go with the target genes.
    """
    tables = [{name: read_table(path) for name, path in each.items()} for each in (genes, patients)]
    table = controls(*tables, read_table(truth))
    write_table(table, tsv)
    main = methods[table["experiment"].iloc[0]]["title"]
    kinds = table["kind"].unique()
    write_page(
        html,
        "Which planted genes does each method find?",
        [
            f"{main} finds {_found(table)} (consistent over patients).",
            "The cohort is simulated, so it is known what each gene follows:",
            *(f"{kind}: {FOLLOWED[kind]}." for kind in kinds),
            "A method that sees no more than colour finds what colour shows, and looks as good as "
            "a network there.",
            *(text for kind, text in LESSONS.items() if kind in kinds),
            f"The main experiment is {main}. {INTERVALS}",
        ],
        [
            page_table(_shown(table[table["kind"] == kind], methods), f"Planted genes: {kind}")
            for kind in kinds
        ],
        tsv=[tsv],
    )


def _found(table: pd.DataFrame) -> str:
    """How many genes of each kind the first experiment finds."""
    first = table[table["experiment"] == table["experiment"].iloc[0]]
    return ", ".join(
        f"{row.consistent_genes} of {row.genes} genes of {row.kind}" for row in first.itertuples()
    )


def _shown(table: pd.DataFrame, methods: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    table = table.reset_index(drop=True)
    about = [methods[name] for name in table["experiment"]]
    return pd.DataFrame(
        {
            "experiment": [each["title"] for each in about],
            "of": [
                KINDS[each["kind"]] + (f": {each['of']}" if each["of"] else "") for each in about
            ],
            **{
                name: estimates(table, name)
                for name in ("median_pearson", "median_partial", "lead_pearson", "lead_partial")
            },
            "n_genes": table["genes"],
            **table[["consistent_genes", "consistent_genes_partial"]],
        }
    )
