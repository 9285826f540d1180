"""Table, page and figure of one set of predictions under many definitions of r."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

from stnet.core.printed import decimals
from stnet.core.tables import read_table, write_table
from stnet.evaluation.bootstrap import FEWEST_UNITS
from stnet.evaluation.protocols import KEYS, PAPER, PUBLISHED, score_protocols
from stnet.figures.protocols import WORDS, specification_curve
from stnet.figures.style import save
from stnet.report.page import page_table, write_page
from stnet.report.words import INTERVALS, word

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
    kinds = {kind: word(kind).heading for kind in KEYS}
    save(specification_curve(table, titles, kinds), figures)
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
        "r under the protocols of publications": _used(table),
        "r of ST-Net in the literature": _published(table),
        "Which method is surely ahead": pairs.drop(columns="both"),
        "Median r by choice, over the protocols that all its options share": _by_choice(table),
    }
    of_methods = [
        read_table(path)
        for path, name in zip(genes, methods, strict=True)
        if name not in references
    ]
    first, *others = findings(table, [titles[name] for name in references])
    write_page(
        html,
        f"What r means: {main} under {len(_of(table, main))} protocols",
        [" ".join([first, *signal(of_methods)]), *others, *DEFINITIONS],
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
            f" Of the other {of - n} it is not shown that an image predicts them, and a median over"
            " all genes is mostly theirs. Look at choices of genes, and at means over genes."
        )
    return [said]


def findings(table: pd.DataFrame, references: Collection[str]) -> list[str]:
    """What a table of `score_protocols` says about the main experiment and the winners, in words.

    First how far r ranges, and how often the method with the highest r is another. `ahead_of` has
    lists of experiments. `references` are the experiments without a rank.
    """
    main = table["experiment"].iloc[0]
    r, leaks = _of(table, main)["r"], _of(table, main)["leaks"]
    best = table[table["rank"] == 1].groupby(KEYS)["r"].max()
    found = [
        f"The same held-out predictions of {main} have {_range(r)} by protocol alone, "
        f"{_one(r[PAPER])} under the paper's. {_winners(table)}",
        f"Without the protocols that leak, {main} has {_range(r[~leaks])}.",
        *_limits(table),
        *_inversions(table[~table["experiment"].isin(references)]),
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


def _winners(table: pd.DataFrame) -> str:
    """Which methods have the highest r under how many protocols, and how often it is another."""
    wins = table[table["rank"] == 1].set_index(KEYS)["experiment"]
    n, n_won = len(table.groupby(KEYS)), wins.groupby(level=KEYS).ngroups
    counts = [f"{name} under {count}" for name, count in wins.value_counts().items()]
    said = f"Of {n} protocols the highest r is that of {', '.join(counts) or 'no method'}."
    of_paper = table[(table[KEYS] == PAPER).all(axis=1) & table["rank"].notna()]
    for winner in of_paper[of_paper["rank"] == 1].head(1).itertuples():
        same = int((wins == winner.experiment).sum())
        behind = len({*winner.ahead_of} & {*of_paper["experiment"]})
        said += (
            f" Under the paper's it is that of {winner.experiment} (surely ahead of {behind} of "
            f"{len(of_paper) - 1} others), under {n_won - same} that of another method."
        )
    return said + (f" No method has an r under {n - n_won}." if n_won < n else "")


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


def _inversions(table: pd.DataFrame) -> list[str]:
    """Which orders are sure both ways, and why the comparison of methods may be sure of more."""
    if table["n_patients"].max() < FEWEST_UNITS:
        return ["There are no intervals, because they need two patients: no lead is sure."]
    pairs = _pairs(table)
    if pairs.empty:
        return []
    both = pairs[(pairs["first_ahead"] > 0) & (pairs["second_ahead"] > 0)]
    named = [
        f"{each.one} under {each.first_ahead} and {each.other} under {each.second_ahead} of "
        f"{each.both} protocols"
        for each in both.itertuples()
    ]
    most = pairs["both"].max()
    sure = {name: int((pairs[name] != "neither").sum()) for name in ("at_paper", "as_compared")}
    return [
        "Pairs whose order is sure both ways, each surely ahead under some protocols: "
        f"{len(both)} of {len(pairs)}{': ' if named else ''}{'; '.join(named)}. Of two equally "
        f"good methods, each is surely ahead under {BY_CHANCE:.1%} of the protocols on average, "
        f"{decimals(BY_CHANCE * most, 0)} of {most}. Protocols share patients, spots and genes, so "
        "these counts are no test.",
        "comparison.html may be sure of a pair where this page says neither: its mean r gain is "
        "the mean over genes of the difference in r, which a few genes can decide; under the "
        "paper's protocol it is the difference of two medians over genes. Of "
        f"{len(pairs)} pairs, {sure['at_paper']} are sure with medians over genes and "
        f"{sure['as_compared']} with means.",
    ]


def _of(table: pd.DataFrame, experiment: str) -> pd.DataFrame:
    return table[table["experiment"] == experiment].set_index(KEYS)


def _one(r: float) -> str:
    return "none" if pd.isna(r) else decimals(r)


def _range(r: pd.Series) -> str:
    ends = f"an r from {decimals(r.min())} to {decimals(r.max())}"
    return ends if r.notna().any() else "no r"


def _used(table: pd.DataFrame) -> pd.DataFrame:
    """A row per protocol of a publication: whose it is, r of each experiment, and its choices."""
    used = table[table["users"] != ""]
    names = used["experiment"].unique()
    shown = used[used["experiment"] == names[0]][["users"]].copy()
    for name in names:
        shown[name] = _of(used, name)["r"].map(decimals, na_action="ignore").to_numpy()
    return shown.join(used[KEYS].map(lambda choice: WORDS.get(choice, choice)))


def _published(table: pd.DataFrame) -> pd.DataFrame:
    """A row per value of the literature, with r of the main experiment under the same protocol."""
    main = _of(table, table["experiment"].iloc[0])
    rows = []
    for each in PUBLISHED:
        same = [each.user in users.split("; ") for users in main["users"]] if each.user else []
        here = _one(main["r"][same].iloc[0]) if any(same) else "no match: too little is said"
        rows.append([decimals(each.r, 3), each.source, each.data, each.protocol, each.user, here])
    columns = ["published", "source", "data", "stated", "users", "here"]
    return pd.DataFrame(rows, columns=columns)


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
    for kind in KEYS:
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
        parts.append(medians.assign(choice=word(kind).heading, option=words))
    return pd.concat(parts, ignore_index=True)[["choice", "option", *names]]
