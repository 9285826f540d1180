"""The card of an exported model for people, in the form of Hugging Face."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml
from markupsafe import Markup

from stnet.core.atomic import atomic_path
from stnet.core.printed import EXPRESSION_UNITS, decimals, short
from stnet.core.tables import gene_name, read_table
from stnet.inference.card import read_card
from stnet.record.markdown import render
from stnet.record.references import references

BEST = 10
# Quantities of a summary on the card.
NUMBERS = {
    "median_pearson": "r, median over genes and patients",
    "median_partial": "r given the total counts of the spot",
    "mean_auroc": "AUROC of high against low expression, mean",
    "consistent_genes": "genes that are predicted consistently over patients, of {n_genes}",
}


def write_model_card(
    model: str | Path,
    genes: str | Path,
    summary: str | Path,
    output: str | Path,
    *,
    about: Mapping[str, object],
) -> None:
    """Write the card of a model in Markdown.

    Args:
        model: file of `stnet.inference.model.write_model`.
        genes: table of `stnet.inference.model_genes.write_gene_reliability`.
        summary: the performance in held-out patients of the model's experiment.
        output: card.
        about: titles of the `experiment` and of the `cohort`, and `facts` of the cohort's data as
            `stnet.record.references` names them.

    Raises:
        InputError: a file is damaged.

    Source: ours.
    """
    card, table = read_card(model), read_table(genes)
    members = list(card["members"].values())
    one, facts = members[0], about["facts"]
    found = read_table(summary).set_index("quantity")
    best = table.dropna(subset="median_pearson").nlargest(BEST, "median_pearson")
    window, downsampling = one["view"].split("x")
    scales = [each["reference"]["um_per_px"] for each in members]
    text = render(
        "model_card.md.jinja",
        metadata=Markup(yaml.safe_dump(_metadata(about, found), sort_keys=False).rstrip()),
        title=about["experiment"],
        cohort=about["cohort"],
        model=card["model"],
        name=Markup(Path(model).stem),
        paper=references(())["stnet-paper"],
        works=[each for each in references(facts).values() if each.group == "Data"],
        one=one,
        window=window,
        downsampling=downsampling,
        um_per_px=short(sum(scales) / len(scales)),
        unit=EXPRESSION_UNITS[one["transform"]],
        n_networks=len(members),
        epochs=sorted({each["epoch"] for each in members}),
        n_sections=len({name for each in members for name in each["training_sections"]}),
        n_genes=len(table),
        summary=found["value"].to_dict(),
        n_spots=short(found.loc["n_spots", "value"]),
        numbers={
            words.format(n_genes=len(table)): _with_interval(found.loc[name])
            for name, words in NUMBERS.items()
        },
        best=[
            (
                gene_name(row),
                decimals(row.median_pearson),
                int(row.n_consistent),
                int(row.n_patients),
            )
            for row in best.itertuples()
        ],
        is_simulated=not {"source=simulated", "source=simulated-visium"}.isdisjoint(facts),
    )
    with atomic_path(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _with_interval(row: pd.Series) -> str:
    """A quantity of a summary, with its interval if it has one."""
    value, *ends = (row[name] for name in ("value", "ci_low", "ci_high"))
    if pd.isna(ends).any():
        return short(value)
    return "{} ({} to {})".format(*(decimals(float(each)) for each in (value, *ends)))


def _metadata(about: Mapping, summary: pd.DataFrame) -> dict:
    """What Hugging Face reads: https://huggingface.co/docs/hub/model-cards."""
    value = round(float(summary.loc["median_pearson", "value"]), 4)
    r = {"type": "pearsonr", "name": "median r over genes and held-out patients", "value": value}
    result = {
        "task": {"type": "image-feature-extraction", "name": "spatial gene expression"},
        "dataset": {"type": "custom", "name": str(about["cohort"])},
        "metrics": [r],
    }
    return {
        "license": "other",
        "library_name": "pytorch",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["histopathology", "spatial-transcriptomics", "gene-expression", "st-net"],
        "metrics": ["pearsonr"],
        "model-index": [{"name": str(about["experiment"]), "results": [result]}],
    }
