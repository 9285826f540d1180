"""Table, page and figure of one set of predictions under many definitions of r."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from stnet.core.printed import decimals
from stnet.core.tables import write_table
from stnet.evaluation.protocols import KEYS, PAPER, score_protocols
from stnet.figures.protocols import KINDS, WORDS, draw
from stnet.report.comparison import estimates
from stnet.report.page import page_table, write_page

DEFINITIONS = [
    "Predictions stay as they are; only the measurement and the summary of r change. All methods "
    "are scored on the same measurement, in the genes that all of them predict. A gene's r is "
    "summarised over patients or sections first, then over genes. r over the spots of all patients "
    "also rewards differences between patients. Intervals are 95%, by bootstrap over patients.",
    "Measurement: in the unit of the main experiment's targets; ln(1 + c) of the counts c; ln(1 + "
    "10⁴ c / Σc) with the sum over the target genes only; analytic Pearson residuals. Smoothed: "
    "averaged over the 3 × 3 neighbourhood. Genes: all; those with the highest variance over mean "
    "of their share of the counts; those with the highest r in the other patients, for each "
    "patient; those with the highest r in the test itself.",
]


def write_protocols(
    predictions: Sequence[str | Path],
    tsv: str | Path,
    html: str | Path,
    figures: Iterable[str | Path],
    *,
    methods: Mapping[str, Mapping[str, str]],
    smoothing: str,
) -> None:
    """Score the experiments of a report under all protocols; write table, page and figure.

    Args:
        predictions: files of all held-out groups of all experiments.
        tsv: table to write (`score_protocols`).
        html: page to write.
        figures: figures to write.
        methods: experiments with their `role`, the main one first.
        smoothing: what smoothing averages, as in `smooth_observed`.

    Raises:
        InputError: experiments of other spots, or without a gene in common.
    """
    of_experiments = {
        name: [path for path in predictions if Path(path).parents[1].name == name]
        for name in methods
    }
    # They see the held-out measurement: they are shown, but cannot win.
    references = [name for name, keys in methods.items() if keys["role"] == "reference"]
    table = score_protocols(of_experiments, smoothing=smoothing, references=references)
    write_table(table, tsv)
    draw(table, figures)
    main = next(iter(methods))
    write_page(
        html,
        f"What r means: {main} under {len(_of(table, main))} protocols",
        [*findings(table, main, references), *DEFINITIONS],
        [
            page_table(_published(table), "Protocols of publications"),
            page_table(_by_choice(table), "Median r over all protocols with a choice"),
            page_table(_changed(table), "Protocols under which another method wins"),
        ],
    )


def findings(table: pd.DataFrame, main: str, references: Sequence[str]) -> list[str]:
    """What a table of `score_protocols` says about the main experiment and the winners, in words.

    `references` are the experiments without a rank.
    """
    r, leaks = _of(table, main)["r"], _of(table, main)["leaks"]
    winners = table[table["rank"] == 1]
    wins = winners["experiment"].value_counts()
    at_paper = winners.loc[(winners[KEYS] == PAPER).all(axis=1), "experiment"]
    changed = _ahead(table)
    certain = changed[changed["gain_low"] > 0]
    by_genes = r.unstack("genes")
    favour = (by_genes["best_test"] - by_genes["best_training"]).mean()
    found = [
        f"The same held-out predictions of {main} have an r from {_range(r)} under {len(r)} "
        f"protocols, {decimals(r[PAPER])} under the paper's. Without those that leak it is from "
        f"{_range(r[~leaks])}.",
        f"The method with the highest r is {_times(wins)}. Under the paper's protocol it is "
        f"{', '.join(at_paper) or 'none'}. The winner changes in {len(changed)} of the "
        f"{len(r)} protocols; in {len(certain)} of these the 95% interval of the difference "
        f"excludes zero (bootstrap over {table['n_patients'].iloc[0]} patients, the same drawn of "
        "both).",
        f"{int(leaks.sum())} protocols leak: they report the genes with the highest r in the test "
        "itself.",
    ]
    if pd.notna(favour):
        found[-1] += (
            f" For {main} this adds {decimals(favour)} to r on average, compared with genes chosen "
            "in the other patients."
        )
    best = winners.groupby(KEYS)["r"].max()
    for name in references:
        depth = _of(table, name)["r"]
        found.append(
            f"{name} is a reference, not a method: it sees the measurement that it predicts. Its r "
            f"is from {_range(depth)}, {decimals(depth[PAPER])} under "
            "the paper's protocol, and higher than that of every method under "
            f"{int((depth > best.reindex(depth.index)).sum())} protocols."
        )
    return found


def _ahead(table: pd.DataFrame) -> pd.DataFrame:
    """The winners that are ahead of the winner of the paper's protocol."""
    return table[(table["rank"] == 1) & (table["gain"] > 0)]


def _of(table: pd.DataFrame, experiment: str) -> pd.DataFrame:
    return table[table["experiment"] == experiment].set_index(KEYS)


def _range(r: pd.Series) -> str:
    return f"{decimals(r.min())} to {decimals(r.max())}"


def _times(wins: pd.Series) -> str:
    return ", ".join(f"{name} under {times}" for name, times in wins.items())


def _published(table: pd.DataFrame) -> pd.DataFrame:
    used = table[table["users"] != ""]
    return _wide(used, [used["users"].rename("Used by"), used["leaks"].rename("Leaks")])


def _changed(table: pd.DataFrame) -> pd.DataFrame:
    changed = _ahead(table)
    shown = _words(changed)
    shown["Winner"] = changed["experiment"]
    shown["r"] = estimates(changed.assign(r_low=changed["low"], r_high=changed["high"]), "r")
    shown["Ahead by"] = estimates(changed, "gain")
    return shown


def _by_choice(table: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for kind, heading in KINDS.items():
        medians = table.pivot_table(
            index=kind, columns="experiment", values="r", aggfunc="median", sort=False
        )
        choices = [WORDS.get(choice, choice) for choice in medians.index]
        medians = medians.reindex(columns=table["experiment"].unique()).map(
            decimals, na_action="ignore"
        )
        parts.append(medians.assign(Choice=heading, Of=choices))
    shown = pd.concat(parts, ignore_index=True)
    return shown[["Choice", "Of", *table["experiment"].unique()]]


def _wide(table: pd.DataFrame, about: list[pd.Series]) -> pd.DataFrame:
    """A row per protocol, with the r of each experiment."""
    names = table["experiment"].unique()
    first = table["experiment"] == names[0]
    shown = pd.concat([*about, _words(table)], axis=1)[first].reset_index(drop=True)
    for name in names:
        shown[name] = _of(table, name)["r"].map(decimals, na_action="ignore").to_numpy()
    return shown


def _words(table: pd.DataFrame) -> pd.DataFrame:
    words = {heading: [WORDS.get(c, c) for c in table[kind]] for kind, heading in KINDS.items()}
    return pd.DataFrame(words, index=table.index)
