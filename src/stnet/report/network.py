"""Pages on what a network sees: attributions of its predictions, and its latent space."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stnet.core.tables import gene_names, read_table
from stnet.report.page import italic_genes, page_table, quantities, write_page
from stnet.report.words import INTERVALS

ATTRIBUTED = [
    *("section", "patient", "label", "predicted", "at_baseline", "difference", "attributed"),
    *("completeness_error", "steps", "complete"),
]
LABELS = ["ari_mean", "purity_mean", "purity_sd", "majority_mean", "purity_gain"]
NEIGHBOURS = [
    *("nearest_r", "farthest_r", "neighbour_gain", "neighbour_gain_partial"),
    *("neighbour_gain_median", "distance", "random_distance", "not_adjacent"),
]
# Parts of the summary of the latent space: their quantities, and how the names of these end.
PARTS = {
    "Clusters and labels": (LABELS, ""),
    "Clusters and labels, of patients with both": (LABELS, "_both"),
    "Neighbours": (NEIGHBOURS, ""),
    "Neighbours, as in the released code": (NEIGHBOURS, "_released"),
}


def write_attributions_page(
    attributions: str | Path, on_nuclei: str | Path | None, html: str | Path, *, experiment: str
) -> None:
    """Write the page on attributions.

    Args:
        attributions: table with one row per patch.
        on_nuclei: summary of the attributions on nuclei; None without nuclear features.
        html: page to write.
        experiment: title of the experiment whose networks are explained.
    """
    table = read_table(attributions)
    gene = italic_genes(gene_names(table).iloc[0])
    result = f"The attributions of {table['complete'].sum()} of {len(table)} patches add up."
    shown, tsv = [page_table(table[ATTRIBUTED].rename(columns={"predicted": "prediction"}))], []
    if on_nuclei:
        summary = read_table(on_nuclei)
        names = ["ratio", "ratio_negative", "patches_above_1", "patches_with_ratio"]
        value = quantities(summary, names)["estimate"]
        result = (
            f"What raises the prediction lies {value[0] or '(undefined)'} times as densely on "
            f"nuclei as off them, what lowers it {value[1] or '(undefined)'} times; what raises it "
            f"is denser on nuclei in {value[2]} of {value[3]} patches."
        )
        shown.insert(0, page_table(quantities(summary), "On nuclei"))
        shown[1] = shown[1]._replace(heading="Patches")
        tsv = [on_nuclei]
    write_page(
        html,
        "What raises the prediction of " + gene + f" ({experiment})",
        [
            result,
            "Integrated gradients of the patches with the highest predictions; no patient has a "
            "second patch before every patient has one. The baseline is a patch of the mean colour "
            "of the training patches. The number of steps is doubled, up to 1,024, while the "
            "attributions do not add up to the difference within 5%.",
            "Dark pixels and edges attract attribution of both signs for any gene, so ratios above "
            "1 also occur for genes that no image predicts. Compare the ratio with that of "
            "negative attribution, and the share of attribution with the share of pixels.",
        ],
        shown,
        tsv=[attributions, *tsv],
    )


def write_latent_page(summary: str | Path, html: str | Path, *, experiment: str) -> None:
    """Write the page on the latent space of an experiment, from its summary."""
    table = read_table(summary)
    parts = {heading: _part(table, *part) for heading, part in PARTS.items()}
    parts = {name: part for name, part in parts.items() if part["estimate"].ne("").any()}
    result = "No patient has what these numbers need."
    if "Neighbours" in parts:
        gain = parts["Neighbours"].iloc[NEIGHBOURS.index("neighbour_gain")]
        median = parts["Neighbours"].iloc[NEIGHBOURS.index("neighbour_gain_median")]
        result = (
            "r with the most similar neighbour in the latent space minus r with the most distinct "
            f"one: {gain['estimate'] or 'undefined'}, mean over genes, and "
            f"{median['estimate'] or 'undefined'}, median; by chance {gain['null'] or 'undefined'}."
        )
    if "Clusters and labels" in parts:
        rand = parts["Clusters and labels"].iloc[0]
        result += f" Clusters match labels with an adjusted Rand index of {rand['estimate']}."
    write_page(
        html,
        f"Latent space ({experiment})",
        [
            result,
            "The latent space is the input of the network's last layer, of held-out patients. "
            "Clusters: two by k-means in each patient, against the pathologist's labels. "
            "Neighbours: among the adjacent spots the one most similar, or most distinct, in the "
            "latent space, whose measurement is the prediction; distances are to the nearest spot "
            f"in the latent space, anywhere in the section. {INTERVALS}",
            "By chance: mean and 95% range. Labels are shuffled among the spots of a patient; "
            "neighbours are random.",
        ],
        [page_table(part, heading) for heading, part in parts.items()],
        tsv=[summary],
    )


def _part(table: pd.DataFrame, names: Sequence[str], end: str) -> pd.DataFrame:
    """Quantities whose names end alike, with what chance gives."""
    found = {}
    for column, ending in (("estimate", end), ("null", f"{end}_null")):
        rows = table[table["quantity"].isin([name + ending for name in names])]
        rows = rows.assign(quantity=rows["quantity"].str.removesuffix(ending))
        found[column] = quantities(rows, names)
    shown = found["estimate"]
    shown.insert(2, "null", found["null"]["estimate"])
    return shown
