"""Table, page and figure of one set of predictions under many definitions of r."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

from stnet.core.printed import decimals
from stnet.core.tables import read_table, write_table
from stnet.evaluation.bootstrap import FEWEST_PATIENTS
from stnet.evaluation.protocols import KEYS, PAPER, PUBLISHED, score_protocols
from stnet.figures.protocols import KINDS, WORDS, draw
from stnet.report.page import page_table, write_page
from stnet.report.words import INTERVALS

# Of each side of an interval.
BY_CHANCE = 0.025
DEFINITIONS = [
    "Predictions stay as they are; only the measurement and the summary of r change. All methods "
    "are scored on the same measurement, in the genes that all of them predict, each over the "
    "patients in whom it has an r. A gene's r is summarised over patients or sections first, then "
    "over genes. r over the spots of all patients also rewards differences between patients. "
    + INTERVALS,
    "Measurement: in the unit of the main experiment's targets; ln(1 + c) of the counts c; ln(1 + "
    "10⁴ c / Σc) with the sum over the genes in common only; analytic Pearson residuals. Smoothed: "
    "averaged over a spot and its neighbours. Genes: all; those with the highest variance over "
    "mean of their share of the counts; those with the highest r in the other patients, held out "
    "as well, for each patient; those with the highest r in the test itself.",
    "Surely ahead: the 95% interval of the difference in r is above zero, over the patients and "
    "genes in which both have an r, the same patients drawn of both. Intervals are not adjusted "
    "for the number of protocols.",
]
# What the comparison of methods calls the gain in r: the mean over genes of the difference.
AS_COMPARED = PAPER._replace(over_genes="mean")


def write_protocols(
    predictions: Sequence[str | Path],
    genes: Sequence[str | Path],
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
        genes: the gene performance of each experiment, in the order of `methods`.
        tsv: table to write (`score_protocols`).
        html: page to write.
        figures: figures to write.
        methods: experiments with their `role` and `title`, the main one first.
        smoothing: what smoothing averages, as in `measured`.

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
    titles = {name: keys["title"] for name, keys in methods.items()}
    draw(table, figures, titles)
    table["experiment"] = table["experiment"].map(titles)
    table["ahead_of"] = [
        [titles[name] for name in names.split("; ") if name] for names in table["ahead_of"]
    ]
    main = table["experiment"].iloc[0]
    explained = dict.fromkeys(titles.values(), "r of this experiment, or median of them.")
    pairs = _pairs(table)
    for side in ("first_ahead", "second_ahead"):
        pairs[side] = [f"{n} of {of}" for n, of in zip(pairs[side], pairs["both"], strict=True)]
    tables = {
        "Protocols of publications": _published(table),
        "Which method is surely ahead": pairs.drop(columns="both"),
        "Median r by choice, over the protocols that all its options share": _by_choice(table),
    }
    of_methods = [
        read_table(path)
        for path, name in zip(genes, methods, strict=True)
        if name not in references
    ]
    write_page(
        html,
        f"What r means: {main} under {len(_of(table, main))} protocols",
        [
            *signal(of_methods),
            *findings(table, [titles[name] for name in references]),
            *DEFINITIONS,
        ],
        [page_table(each, heading, explained=explained) for heading, each in tables.items()],
        tsv=[tsv],
    )


def signal(genes: Sequence[pd.DataFrame]) -> list[str]:
    """How many genes are consistent for any method, of those that all methods predict, in words.

    `genes` are the methods' gene tables. Nothing is said if patients are too few to say.
    """
    shared = set.intersection(*(set(table.loc[table["n_patients"] > 0, "gene"]) for table in genes))
    known = [table for table in genes if table["consistent"].notna().any()]
    if not known or not shared:
        return []
    found = {gene for table in known for gene in table["gene"][table["consistent"].eq(True)]}
    n, of = len(found & shared), len(shared)
    said = f"{n} of {of} genes are consistent for at least one method."
    if 2 * n < of:
        said += (
            f" So a median over all genes is the r of a gene that follows nothing: {of - n} of {of}"
            " are consistent for no method. Look at choices of genes, and at means over genes."
        )
    return [said]


def findings(table: pd.DataFrame, references: Collection[str]) -> list[str]:
    """What a table of `score_protocols` says about the main experiment and the winners, in words.

    `ahead_of` has lists of experiments. `references` are the experiments without a rank.
    """
    main = table["experiment"].iloc[0]
    r, leaks = _of(table, main)["r"], _of(table, main)["leaks"]
    winners = table[table["rank"] == 1]
    wins = [
        f"{name} under {n} of {len(r)}" for name, n in winners["experiment"].value_counts().items()
    ]
    best = winners.groupby(KEYS)["r"].max()
    found = [
        f"The same held-out predictions of {main} have {_range(r)} under {len(r)} protocols, "
        f"{_one(r[PAPER])} under the paper's. Without those that leak they have "
        f"{_range(r[~leaks])}.",
        *_limits(table),
        f"The method with the highest r is {', '.join(wins) or 'none'}."
        + (f" No method has an r under {len(r) - len(best)}." if len(best) < len(r) else ""),
        *_sure(table, references),
        f"{int(leaks.sum())} protocols leak: they report the genes with the highest r in the test "
        "itself.",
    ]
    by_genes = r.unstack("genes")
    favour = (by_genes["best_test"] - by_genes["best_others"]).mean()
    if pd.notna(favour):
        found[-1] += (
            f" For {main} this adds {decimals(favour)} to r on average, compared with genes chosen "
            "in the other patients."
        )
    for name in references:
        depth = _of(table, name)["r"]
        found.append(
            f"{name} is a reference, not a method: it sees the measurement that it predicts. It "
            f"has {_range(depth)}, {_one(depth[PAPER])} under the paper's protocol, and a higher r "
            f"than every method under {int((depth > best.reindex(depth.index)).sum())} protocols."
        )
    return found


def _limits(table: pd.DataFrame) -> list[str]:
    """Whether methods have fewer genes than the main experiment, and each patient one section."""
    by_experiment = table.drop_duplicates("experiment").set_index("experiment")
    lacking = by_experiment["missing_genes"][by_experiment["missing_genes"] > 0]
    found = []
    if len(lacking):
        n_genes = table.loc[table["genes"] == "all", "n_genes"].iloc[0]
        found.append(
            f"r is over {n_genes} of the {table['main_genes'].iloc[0]} genes of "
            f"{by_experiment.index[0]}, because all methods are scored on the same genes. Genes "
            f"that are missing: {', '.join(f'{n} by {name}' for name, n in lacking.items())}."
        )
    if "section" not in set(table["unit"]):
        found.append("Each patient has one section, so r by section is r by patient: counted once.")
    return found


def _sure(table: pd.DataFrame, references: Collection[str]) -> list[str]:
    """Whether the paper's protocol has a sure winner, and which orders are sure both ways."""
    if table["n_patients"].max() < FEWEST_PATIENTS:
        return ["There are no intervals, because they need two patients: no lead is sure."]
    found = []
    at_paper = table[(table[KEYS] == PAPER).all(axis=1) & table["rank"].notna()]
    for _, winner in at_paper[at_paper["rank"] == 1].head(1).iterrows():
        unsure = set(at_paper["experiment"]) - {winner["experiment"], *winner["ahead_of"]}
        named = [name for name in at_paper["experiment"] if name in unsure]
        found.append(
            f"Under the paper's protocol the highest r is that of {winner['experiment']}, "
            f"{decimals(winner['r'], 3)}. "
            + (f"It is not surely ahead of {', '.join(named)}." if named else "This is sure.")
        )
    pairs = _pairs(table[~table["experiment"].isin(references)])
    if len(pairs):
        found += [_inversions(pairs), _as_compared(pairs)]
    return found


def _inversions(pairs: pd.DataFrame) -> str:
    """Which orders are sure both ways, and whether they are more than chance gives."""
    both = pairs[(pairs["first_ahead"] > 0) & (pairs["second_ahead"] > 0)]
    named = [
        f"{each.one} under {each.first_ahead} and {each.other} under {each.second_ahead} of "
        f"{each.both} protocols"
        for each in both.itertuples()
    ]
    fewer = both[["first_ahead", "second_ahead"]].min(axis=1)
    beyond = both[fewer > BY_CHANCE * both["both"]]
    names = "; ".join(f"{each.one} and {each.other}" for each in beyond.itertuples())
    said = (
        f"The order of {len(beyond)} of {len(pairs)} pairs of methods changes more often than by "
        f"chance: {names}."
    )
    if beyond.empty:
        said = (
            "No order of two methods changes more often than by chance: nothing here shows that "
            "the protocol decides which is better."
        )
    most = pairs["both"].max()
    return said + (
        f" Pairs whose order is sure both ways, each surely ahead under some protocols: {len(both)}"
        f" of {len(pairs)}{': ' if named else ''}{'; '.join(named)}. Of two equally good methods, "
        f"each is surely ahead under {BY_CHANCE:.1%} of the protocols on average, "
        f"{decimals(BY_CHANCE * most, 0)} of {most}."
    )


def _as_compared(pairs: pd.DataFrame) -> str:
    """Why the comparison of methods may be sure of a pair of which the paper's protocol is not."""
    sure = {name: int((pairs[name] != "neither").sum()) for name in ("at_paper", "as_compared")}
    return (
        "comparison.html may be sure of a pair where this page says neither: its mean r gain is "
        "the mean over genes of the difference in r, which a few genes can decide; under the "
        "paper's protocol it is the difference of two medians over genes. Patients, resamples and "
        "intervals are the same (genes, if all methods predict the same). Of "
        f"{len(pairs)} pairs, {sure['at_paper']} are sure with medians over genes and "
        f"{sure['as_compared']} with means."
    )


def _of(table: pd.DataFrame, experiment: str) -> pd.DataFrame:
    return table[table["experiment"] == experiment].set_index(KEYS)


def _one(r: float) -> str:
    return "none" if pd.isna(r) else decimals(r)


def _range(r: pd.Series) -> str:
    ends = f"an r from {decimals(r.min())} to {decimals(r.max())}"
    return ends if r.notna().any() else "no r"


def _published(table: pd.DataFrame) -> pd.DataFrame:
    used = table[table["users"] != ""]
    values = [
        "; ".join(
            f"{decimals(each.r, 3)} on {each.data} ({each.source})"
            for each in PUBLISHED
            if each.user and each.user in users.split("; ")
        )
        for users in used["users"]
    ]
    published = pd.Series(values, used.index, name="published")
    return _wide(used, [used["users"], published, used["leaks"]])


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    """For each two experiments, under how many of the protocols of `both` either is surely ahead.

    `at_paper` and `as_compared` say which is under the paper's protocol, with the median and with
    the mean over genes.
    """
    of = {name: _of(table, name) for name in table["experiment"].unique()}
    rows = []
    for one, other in combinations(of, 2):
        sure = {
            name: of[name]["ahead_of"].map(lambda names, behind=behind: behind in names)
            for name, behind in ((one, other), (other, one))
        }
        at = [
            next((name for name, ahead in sure.items() if ahead.get(each, False)), "neither")
            for each in (PAPER, AS_COMPARED)
        ]
        both = int((of[one]["r"].notna() & of[other]["r"].notna()).sum())
        rows.append([one, other, *(int(each.sum()) for each in sure.values()), both, *at])
    sides = ["one", "other", "first_ahead", "second_ahead", "both"]
    return pd.DataFrame(rows, columns=[*sides, "at_paper", "as_compared"])


def _by_choice(table: pd.DataFrame) -> pd.DataFrame:
    """Median r by option, of each experiment over the protocols in which all options have an r.

    r over the spots of all patients is of no patients or sections, so `over_units` is left out
    where units are compared, and compared without these protocols.
    """
    names = table["experiment"].unique()
    parts = []
    for kind, heading in KINDS.items():
        rows = table[table["over_units"] != ""] if kind == "over_units" else table
        options = rows[kind].unique()
        free = {kind, "over_units"} if kind == "unit" else {kind}
        others = ["experiment", *(each for each in KEYS if each not in free)]
        rows = rows[rows["r"].notna()]
        shared = rows.groupby(others)[kind].transform("nunique") == len(options)
        medians = rows[shared].pivot_table(
            index=kind, columns="experiment", values="r", aggfunc="median"
        )
        medians = medians.reindex(index=options, columns=names).map(decimals, na_action="ignore")
        words = [WORDS.get(choice, choice) for choice in options]
        parts.append(medians.assign(choice=heading, option=words))
    return pd.concat(parts, ignore_index=True)[["choice", "option", *names]]


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
