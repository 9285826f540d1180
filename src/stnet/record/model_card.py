"""The card of an exported model for people, in the form of Hugging Face."""

from collections.abc import Mapping
from pathlib import Path

from stnet.core.atomic import atomic_path
from stnet.core.tables import gene_names, read_table
from stnet.inference.card import read_card
from stnet.record.markdown import render
from stnet.record.references import data_works, references
from stnet.report.page import quantities

BEST = 10
# Quantities of the summary on the card.
SHOWN = ["median_pearson", "median_partial", "mean_auroc", "consistent_genes"]


def write_model_card(
    inputs: Mapping[str, str], output: str | Path, *, title: str, cohort: Mapping
) -> None:
    """Write the card of a model in Markdown.

    `inputs` are the `model`, its table of `genes`, and the `summary` of the performance of its
    experiment, which is called `title`. `cohort` has `title`, `source` and `dataset` of the
    training data, and the `formats` of its sections. Raises InputError if a file is damaged.
    """
    card = read_card(inputs["model"])
    genes, summary = read_table(inputs["genes"]), read_table(inputs["summary"])
    best = genes.dropna(subset="median_pearson").nlargest(BEST, "median_pearson")
    text = render(
        "model_card.md.jinja",
        title=title,
        cohort=cohort,
        name=Path(inputs["model"]).stem,
        model=card["model"],
        members=list(card["members"].values()),
        n_genes=len(genes),
        best=best.assign(name=gene_names(best)).to_dict("records"),
        summary=summary.set_index("quantity")["value"].to_dict(),
        shown=quantities(summary, SHOWN).to_dict("records"),
        paper=references(())["stnet-paper"],
        works=data_works(cohort),
    )
    with atomic_path(output) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
