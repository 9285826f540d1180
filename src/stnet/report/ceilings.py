"""Tables and page of the noise ceiling, and of what the main experiment reaches of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from stnet.core.tables import gene_names, read_table, write_table
from stnet.evaluation.ceiling import DRAWS, gene_ceilings, summarise
from stnet.evaluation.held_out import read_predictions
from stnet.report.page import page_table, quantities, write_page

SHOWN = [
    *("gene", "n_patients", "median_pearson", "ceiling", "ceiling_min", "ceiling_max"),
    *("ceiling_error", "share", "signal", "median_partial", "ceiling_partial", "share_partial"),
    "signal_partial",
]


def write_ceilings(
    predictions: Sequence[str | Path],
    genes: str | Path,
    outputs: Mapping[str, str | Path],
    *,
    experiment: str,
) -> None:
    """Write the noise ceilings of the spots on which an experiment is evaluated.

    Args:
        predictions: the experiment's, of all held-out groups.
        genes: its gene performance.
        outputs: paths by name: `genes` (`gene_ceilings`), `summary` (`summarise`) and `html`.
        experiment: its title.

    Raises:
        InputError: predictions of different experiments (`read_predictions`).
    """
    table = gene_ceilings(read_predictions(predictions), read_table(genes))
    summary = summarise(table)
    write_table(table, outputs["genes"])
    write_table(summary, outputs["summary"])
    share = quantities(summary, ["median_share"])["estimate"][0]
    n = int(table["signal"].sum())
    told = "are consistent and " if read_table(genes)["consistent"].notna().any() else ""
    shown = table.assign(gene=gene_names(table)).sort_values("share", ascending=False)
    write_page(
        outputs["html"],
        f"Noise ceiling, and what {experiment} reaches of it",
        [
            f"r is {share or 'undefined'} of the highest that the counts allow, median over the "
            f"{n} of {len(table)} genes with a signal.",
            f"These genes {told}have a ceiling above what noise alone gives (column Signal); of "
            f"the other {len(table) - n} the share is that of noise. So it says what is reached "
            "where something is found.",
            "The counts of a spot are a sample of its molecules, so even a prediction of the "
            "expression without noise has an r below 1 with the measurement: the ceiling. "
            f"Each count is divided at random into two halves, {DRAWS} times; from the mean r "
            "between the halves, ρ, the ceiling is √(2ρ/(1+ρ)). It is computed for each gene and "
            "patient over the spots that are evaluated; a gene has the median over patients, and "
            "the range.",
            "It is an overestimate: what differs between spots for technical reasons, such as "
            "sequencing depth, counts as expression, and after a logarithm the formula is "
            "approximate. In simulations with the total counts of HER2ST a gene's ceiling was too "
            "high by 0.04 to 0.05 (log_fraction) or 0.08 to 0.14 (log_cp10k), median over genes, "
            "and given depth by 0.05 to 0.08; for single genes by up to 0.18. Given depth: the "
            "same for the partial r given the ln of the total counts and its square, which leaves "
            "depth out, of genes with a count in the patient.",
        ],
        [
            page_table(quantities(summary), "In total"),
            page_table(shown[SHOWN], "Genes, by share"),
        ],
        tsv=[outputs["genes"], outputs["summary"]],
    )
