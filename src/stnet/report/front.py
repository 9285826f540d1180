"""First page of a cohort: what was run, the key numbers, and how far to trust them."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from stnet.analysis.control import UNPLANTED
from stnet.checks.severity import WARNING
from stnet.core.checksums import Damaged
from stnet.core.errors import first_of
from stnet.core.printed import decimals, short
from stnet.core.tables import TOO_FEW, count_consistent, gene_names, read_table, write_table
from stnet.report.comparison import COMPACT_COLUMNS, KINDS, estimates
from stnet.report.controls import FOLLOWED
from stnet.report.page import page_table, write_html
from stnet.report.words import INTERVALS, said

# Methods that see no image.
FLOORS = ("mean", "coordinates", "label")
# Longest side of a picture on the page, in pixels.
SIDE = 1400
CAPTIONS = [
    "A gene in two sections: the image, labels if there are any, the measurement, and what a model "
    "predicts that was trained without them.",
    "In how many patients each gene's prediction correlates positively with the measurement, by "
    "method. Grey: what chance gives. Genes are sorted for each curve on its own.",
]


def write_front(
    tables: Mapping[str, str | Path],
    pictures: Sequence[str | Path],
    html: str | Path,
    warnings: str | Path,
    *,
    about: Mapping[str, object],
    pages: Mapping[str, Mapping[str, str]],
) -> None:
    """Write the first page of a cohort's results.

    Args:
        tables: paths of the main experiment's `summary` and `genes`, of the tables of `sections`
            and `leaks`, of the summaries `dataset` and `ceilings`, of `comparison` and `manuscript`
            if methods are compared, and of `truth` and `controls` if the cohort is simulated.
        pictures: Fig. 2a and 2b, embedded at up to 1,400 pixels.
        html: page to write.
        warnings: table to write: what makes the numbers doubtful, one `warning` per row.
        about: title of the `cohort`; `paper`, whether it is the paper's; `main`, `view` and `split`
            of its main experiment; `methods` as for `stnet.report.comparison.write_methods`;
            `elsewhere`, experiments that the page does not show.
        pages: title and relative path of the cohort's other pages, by category.
    """
    read = {name: read_table(path, text=name == "manuscript") for name, path in tables.items()}
    summary = read["summary"].set_index("quantity")
    main = about["methods"][about["main"]]
    cautions = _cautions(read, summary, about)
    planted = page_table(_planted(read)) if "truth" in read else None
    compact = "manuscript" in read
    methods = page_table(read["manuscript"].set_axis(COMPACT_COLUMNS, axis=1)) if compact else None
    write_table(pd.DataFrame({"quantity": "warning", "value": cautions}), warnings)
    write_html(
        html,
        "front.html",
        title=f"{about['cohort']}: {main['title']}",
        paper=about["paper"],
        facts=_facts(read["dataset"].set_index("quantity")["value"], summary["value"], about),
        numbers=_planted_numbers(read) if "truth" in read else _numbers(read, summary),
        planted=planted,
        cautions=cautions,
        methods=methods,
        intervals=INTERVALS,
        pictures=[(_embedded(path), text) for path, text in zip(pictures, CAPTIONS, strict=True)],
        pages=pages,
    )


def _facts(dataset: pd.Series, summary: pd.Series, about: Mapping[str, object]) -> dict[str, str]:
    """What was run, in words."""
    main = about["methods"][about["main"]]
    split = about["split"]
    folds = f"the patients in {split} parts; a model of the others predicts each part"
    others = [each["title"] for name, each in about["methods"].items() if name != about["main"]]
    n_genes = short(summary["n_genes"])
    built_on = [main["of"]] if main["of"] else []
    if about["view"]:
        window, reduced = about["view"].split("x")
        times = "" if reduced == "1" else f", reduced {reduced} times"
        built_on.append(f"windows of {window} px{times}")
    counts = {name: short(dataset[name]) for name in ("sections", "patients", "spots")}
    return {
        "Cohort": "{sections} sections of {patients} patients, {spots} spots".format(**counts),
        "Method": f"{main['title']}: " + ", ".join([KINDS[main["kind"]], *built_on]),
        "Predicted": f"{main['targets']} ({n_genes} genes), "
        f"{said('transform', summary['transform'])}",
        "Held out": {
            "patient": "one patient at a time; a model of the others predicts it",
            "section": "one section at a time; a model of the others predicts it",
        }.get(split, folds),
        "Compared with": ", ".join(others) or "nothing",
    }


def _numbers(read: Mapping[str, pd.DataFrame], summary: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Key numbers of a measured cohort: number, interval, what it is."""
    n_genes = len(read["genes"])
    ceilings = read["ceilings"].set_index("quantity")["value"]
    share, n_without = ceilings["median_share"], int(ceilings["without_share"])
    count = count_consistent(read["genes"]["consistent"])
    return [
        (
            *_estimate(summary, "median_pearson"),
            f"r, median over {n_genes} genes and over patients",
        ),
        (*_estimate(summary, "median_partial"), "r given sequencing depth"),
        (
            "undefined" if pd.isna(share) else f"{share:.0%}".replace("-", "−"),
            "",
            f"of the noise ceiling of r, over {n_genes - n_without} of {n_genes} genes, which have "
            "a signal",
        ),
        (
            str(count),
            "",
            "to count consistent genes"
            if count == TOO_FEW
            else f"of {n_genes} genes are predicted consistently over patients",
        ),
    ]


def _planted_numbers(read: Mapping[str, pd.DataFrame]) -> list[tuple[str, str, str]]:
    """Key numbers of a simulated cohort, where what is true is known."""
    genes = _with_kind(read)
    unplanted = genes["kind"].isin(UNPLANTED)
    numbers = []
    for chosen, whose, words in (
        (genes[~unplanted], "these genes", "genes that follow the tissue were found"),
        (genes[unplanted], "the others", "other genes were taken for found"),
    ):
        count = count_consistent(chosen["consistent"])
        partial = count_consistent(chosen["consistent_partial"])
        r = [decimals(chosen[f"median_{name}"].median()) for name in ("pearson", "partial")]
        if count == TOO_FEW:
            numbers.append((count, "", f"to say which {words}"))
        else:
            numbers.append((f"{count} of {len(chosen)}", "", f"{words}; {partial} given depth"))
        numbers.append(
            (r[0], "", f"r of {whose}, median over genes and patients; {r[1]} given depth")
        )
    return numbers


def _planted(read: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """For each kind of simulated gene: what it follows, its r, and which genes were found."""
    genes, controls = _with_kind(read), read["controls"]
    controls = controls[controls["experiment"] == controls["experiment"].iloc[0]]
    controls = controls.reset_index(drop=True)
    r, partial = (estimates(controls, f"median_{name}", 2) for name in ("pearson", "partial"))
    rows = []
    for place, kind in enumerate(controls["kind"]):
        chosen = genes[genes["kind"] == kind]
        found = chosen["consistent"].eq(True)
        names = [", ".join(gene_names(chosen[part])) or "none" for part in (found, ~found)]
        signal, few = kind not in UNPLANTED, count_consistent(chosen["consistent"]) == TOO_FEW
        rows.append(
            {
                "follows": FOLLOWED[kind],
                "n_genes": len(chosen),
                "median_pearson": r[place],
                "median_partial": partial[place],
                "found": TOO_FEW if few else names[0],
                "missed": names[1] if signal and not few else "",
            }
        )
    return pd.DataFrame(rows)


def _with_kind(read: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The gene table with the kind of each gene, from the simulation's record."""
    kinds = read["truth"].set_index("gene")["kind"]
    return read["genes"].assign(kind=kinds.reindex(read["genes"]["gene"]).to_numpy())


def _cautions(
    read: Mapping[str, pd.DataFrame], summary: pd.DataFrame, about: Mapping[str, object]
) -> list[str]:
    """What a reader must know before believing the numbers."""
    value = summary["value"]
    r, depth = (float(value[name]) for name in ("mean_auroc", "mean_auroc_depth"))
    simulated = "truth" in read
    doubtful = read["sections"].dropna(subset="warnings")["section"]
    found = {
        f"Files of {', '.join(doubtful)} look doubtful: see the spots on the images "
        "(tables/dataset/sections.html).": len(doubtful) > 0,
        "The cohort is simulated: the numbers show whether the workflow finds what was planted, "
        "and say nothing of tissue.": simulated,
        f"Consistent genes are not counted: {value['consistency_reason']}. With so few, all genes "
        "can have r > 0 in all patients by luck.": count_consistent(read["genes"]["consistent"])
        == TOO_FEW,
        "A single patient: no number has an interval.": value["n_patients"] == "1",
        "The interval of the median r includes 0.": not simulated
        and summary.loc["median_pearson", "ci_low"] <= 0,
        "The interval of the median r given depth includes 0.": not simulated
        and summary.loc["median_partial", "ci_low"] <= 0,
        f"Sequencing depth alone, without an image, tells high from low expression better (AUROC "
        f"{depth:.2f}) than the predictions do ({r:.2f}). Look at r given depth.": depth > r,
        "The network began with random weights.": value.get("initial_weights") == "random",
        "The predictions were handed in; how they were made is declared, not checked.": "origin"
        in value,
    }
    leaks = read["leaks"][read["leaks"]["severity"] == WARNING]
    leaks = leaks[~leaks["where"].isin(about["elsewhere"])]
    for check, where in leaks.groupby("check", sort=False)["where"]:
        text = f"A leak from test to training, or a sign of one: {check}: {first_of(where)};"
        found[f"{text} see tables/leaks.html."] = True
    comparison = read.get("comparison", pd.DataFrame(columns=["kind", "mean_r_gain_low"]))
    floors = comparison[comparison["kind"].isin(FLOORS) & (comparison["mean_r_gain_low"] <= 0)]
    for row, gain in zip(floors.itertuples(), estimates(floors, "mean_r_gain", 2), strict=True):
        text = f"Not clearly better than {row.title}, which sees no image: mean gain in r {gain}."
        found[text] = True
    return [text for text, holds in found.items() if holds]


def _estimate(summary: pd.DataFrame, name: str) -> tuple[str, str]:
    """A quantity of a summary and its interval, as text."""
    row = summary.loc[[name]].rename(columns={"ci_low": "value_low", "ci_high": "value_high"})
    number, _, interval = estimates(row.astype({"value": float}), "value", 2)[0].partition(" ")
    return number, interval.strip("()")


def _embedded(picture: str | Path) -> str:
    """A picture as a data URI, so that the page needs no other file. Raises Damaged."""
    try:
        with Image.open(picture) as image:
            image = image.convert("RGB")
    except (OSError, SyntaxError) as error:
        raise Damaged(picture, error) from error
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
