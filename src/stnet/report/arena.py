"""Tables, page and figure of the arena: who is ahead of whom under one protocol."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from stnet.core.errors import InputError
from stnet.core.printed import decimals
from stnet.core.tables import read_table, write_table
from stnet.evaluation.arena import MOST, POWER, SCORES, compare_pairs, score
from stnet.evaluation.bootstrap import OF_R, mean_interval
from stnet.evaluation.ceiling import patient_ceilings
from stnet.evaluation.held_out import read_predictions
from stnet.figures.arena import draw_arena
from stnet.figures.style import save, webp
from stnet.report.comparison import KINDS, estimates
from stnet.report.page import page_table, with_interval, write_page

SEES = "a reference: it sees the measurement that it predicts"
PROTOCOL = [
    "Each patient is predicted by a model that never saw this patient. Genes: {genes}. Scaling, "
    "components, penalties and epochs are chosen on training patients too, and what is handed in "
    "declares whom it saw. r is Pearson's, over all spots of a patient, with the measurement as "
    "it is: not smoothed, no spot or gene selected. A prediction that is constant in a patient "
    "has no r, and counts as 0. A method's score is its mean r over genes, then over patients.",
    "Differences are between two methods in the same patients. Their intervals hold with 95% for "
    "all pairs of methods together: Student's t over patients, which is what a bootstrap over "
    "patients gives for a mean, adjusted by Bonferroni. So the best method may be compared with "
    "the next. Resolved: the interval leaves zero out. If all methods are equally good, some pair "
    "is resolved in at most 5% of arenas. Intervals of a single score are not adjusted.",
    f"Smallest resolvable: with {POWER:.0%} probability, as many patients resolve a true "
    "difference of this size, if the two methods differ between patients as much as here.",
    "Share of the ceiling: mean r divided by the mean, over the same genes and patients, of the "
    "highest r that the counts allow.",
]

# The columns of the page.
SCORE, GAP, FOUND, LEAST = "Mean r", "Difference in mean r", "Resolved", "Smallest resolvable"
COLUMNS = {
    "Rank": "1 for the highest mean r of those that are ranked.",
    SCORE: "Mean over patients of the mean r over genes, with its 95% interval.",
    GAP: "With an interval that holds with 95% for all pairs together.",
    FOUND: "The interval leaves zero out.",
    LEAST: "The smallest true difference that as many patients resolve in four of five cohorts; "
    "none if it is more than r can have.",
    "Median r": "Mean over patients of the median r over genes.",
    "r given depth": "As mean r, of what is left given the spot's total counts.",
    "Of the ceiling": "Mean r divided by the mean of the highest that counts allow.",
    "Why it has no rank": "What of the protocol it does not obey.",
}


def write_arena(
    patients: Mapping[str, str | Path],
    predictions: Mapping[str, Sequence[str | Path]],
    outputs: Mapping[str, str | Path],
    figures: Iterable[str | Path],
    *,
    methods: Mapping[str, Mapping[str, str]],
    refused: Mapping[str, str],
    reference: str | None,
    genes: str,
) -> None:
    """Score the methods that obey the protocol; write tables, page and figure.

    Args:
        patients: paths of the patient performance by method.
        predictions: files of all held-out groups by method, one of which tells the ceiling of the
            counts.
        outputs: paths by name: `tsv`, a row per method; `pairs` (`compare_pairs`); `patients`
            (`score`); and `html`.
        figures: figures to write.
        methods: `title`, `role`, `kind` and `of` of each method. One of role `reference` is scored,
            but not ranked.
        refused: why other methods are not scored, by title.
        reference: the method that differences are to; None takes the one with the highest r.
        genes: which genes are predicted, in words.

    Raises:
        InputError: no method has an r, or none predicts all spots.
    """
    scores, lacking = score(
        {name: read_table(path) for name, path in patients.items()},
        lambda method: patient_ceilings(read_predictions(predictions[method])),
    )
    titles = {name: keys["title"] for name, keys in methods.items()}
    sees = [name for name, keys in methods.items() if keys["role"] == "reference"]
    table = _ranked(scores, sees)
    ranked = table.loc[table["rank"].notna(), "experiment"].tolist()
    if not ranked:
        raise InputError(f"arena: {'; '.join(f'{titles[n]} {lacking[n]}' for n in lacking)}")
    r = scores.pivot(index="patient", columns="experiment", values="mean_r")
    pairs = compare_pairs(r[ranked])
    to = reference if reference in ranked else ranked[0]
    against = _against(pairs, to)
    table = table.merge(against, "left", on="experiment")
    for name, each in {"tsv": table, "pairs": pairs, "patients": scores}.items():
        write_table(each, outputs[name])
    figure = draw_arena(against, r.sub(r[to], axis=0), titles, titles[to])
    save(figure, figures)
    unranked = {**dict.fromkeys(sees, SEES), **lacking}
    unranked = {titles[name]: reason for name, reason in unranked.items()} | dict(refused)
    shown = {
        f"Methods by r, and their difference to {titles[to]}": _shown(table, methods),
        "All pairs": _pairs(pairs, titles),
        "Not ranked": pd.DataFrame(unranked.items(), columns=["experiment", "Why it has no rank"]),
    }
    write_page(
        outputs["html"],
        f"Arena: {len(ranked)} methods under one protocol",
        [
            _findings(table, pairs, titles, len(unranked)),
            *[text.format(genes=genes) for text in PROTOCOL],
        ],
        [
            page_table(each, heading, explained=COLUMNS)
            for heading, each in shown.items()
            if len(each)
        ],
        tsv=[outputs[name] for name in ("tsv", "pairs", "patients")],
        pictures={f"Differences in mean r to {titles[to]}": webp(figure)},
    )


def _ranked(scores: pd.DataFrame, references: Sequence[str]) -> pd.DataFrame:
    """A row per method, the highest r first: means over patients of the scores, and their rank."""
    r = scores.pivot(index="patient", columns="experiment", values="mean_r")
    table = scores.groupby("experiment")[[*SCORES, "ceiling"]].mean()
    table["n_patients"] = len(r)
    ends = mean_interval(r[table.index].to_numpy()).clip(*OF_R)
    table["mean_r_low"], table["mean_r_high"] = ends
    table["share"] = table["mean_r"] / table["ceiling"]
    ranked = table["mean_r"].mask(table.index.isin(references))
    table["rank"] = ranked.rank(ascending=False, method="min").astype("Int64")
    return table.sort_values(["rank", "mean_r"], ascending=[True, False]).reset_index()


def _against(pairs: pd.DataFrame, to: str) -> pd.DataFrame:
    """The pairs of one method, as the difference of each other `experiment` to it."""
    turned = pairs[pairs["one"] == to].rename(columns={"one": "other", "other": "one"})
    low, high = turned["difference_low"], turned["difference_high"]
    turned = turned.assign(
        difference=-turned["difference"], difference_low=-high, difference_high=-low
    )
    found = pd.concat([pairs[pairs["other"] == to], turned]).drop(columns="other")
    return found.rename(columns={"one": "experiment"})


def _findings(
    table: pd.DataFrame, pairs: pd.DataFrame, titles: Mapping[str, str], n_unranked: int
) -> str:
    """Who is first, and whether that is resolved, in words."""
    first = table.iloc[0]
    n_patients = f"{first.n_patients} patient{'s' if first.n_patients > 1 else ''}"
    name = titles[first.experiment]
    of_first = pairs[pairs["one"] == first.experiment]
    said = (
        f"{name} has the highest r: {decimals(first.mean_r, 3)}, mean over genes and {n_patients}"
        f" ({decimals(first.mean_partial, 3)} given depth)."
    )
    if of_first.empty:
        said = f"{name} is the only method that is ranked. {said}"
    for lead in of_first.head(1).itertuples():
        value = with_interval(lead.difference, lead.difference_low, lead.difference_high, 3)
        resolved = "resolved" if lead.resolved else "not resolved"
        said += f" Its lead over the next, {titles[lead.other]}, is {value}: {resolved}."
        least = f"one of {decimals(lead.resolvable, 3)}"
        if not lead.resolvable < MOST:
            least = "no difference that r can have"
        said += f" Between the two, {n_patients} can resolve {least}."
    for words, those in (("Resolved against", True), ("Not resolved against", False)):
        names = of_first.loc[of_first["resolved"] == those, "other"].map(titles)
        said += f" {words}: {', '.join(names)}." if len(names) else ""
    return said + (f" Not ranked: {n_unranked}, for the reasons below." if n_unranked else "")


def _shown(table: pd.DataFrame, methods: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    about = [methods[name] for name in table["experiment"]]
    shown = {
        "Rank": table["rank"].astype(float),
        "experiment": [each["title"] for each in about],
        SCORE: estimates(table, "mean_r"),
    }
    rest = {"Median r": "median_r", "r given depth": "mean_partial", "Of the ceiling": "share"}
    numbers = {name: [decimals(x, 3) for x in table[column]] for name, column in rest.items()}
    of = [KINDS[each["kind"]] + (f": {each['of']}" if each["of"] else "") for each in about]
    return pd.DataFrame(shown | _gaps(table) | numbers | {"of": of})


def _pairs(pairs: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    named = {side: pairs[side].map(titles) for side in ("one", "other")}
    return pd.DataFrame(named | _gaps(pairs))


def _gaps(table: pd.DataFrame) -> dict[str, Sequence]:
    """Columns of differences; nothing where there is none to compare with."""
    compared = table["difference"].notna()
    gaps = pd.Series(estimates(table, "difference"), table.index)
    yes = table["resolved"].eq(True).map({True: "yes", False: "no"})
    least = [decimals(x, 3) if x < MOST else "none" for x in table["resolvable"]]
    columns = {GAP: gaps, FOUND: yes, LEAST: pd.Series(least, table.index)}
    return {name: values.where(compared, "") for name, values in columns.items()}
