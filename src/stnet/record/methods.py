"""The methods of a run in sentences, for a manuscript, with the run's own numbers."""

from collections.abc import Mapping
from pathlib import Path

from stnet.core.printed import EXPRESSION_UNITS, short
from stnet.core.tables import read_table
from stnet.evaluation.bootstrap import SAMPLES
from stnet.record.markdown import render
from stnet.record.references import Reference, Rows

SOURCES = {
    "mendeley": "from Mendeley Data, {dataset}, version {version}",
    "tenx": "distributed by 10x Genomics",
    "simulated": "simulated by the workflow with seed {simulation[seed]}",
    "simulated-visium": "simulated by the workflow with seed {simulation[seed]}",
}
DROPPED = {
    "drops.unselected": "outside the tissue",
    "drops.no_counts": "without counts",
    "drops.off_image": "outside the image",
    "drops.no_label": "without a pathologist's label",
    "drops.near_edge": "whose window of {spot_window} px leaves the image",
}
# Keys in which networks may differ without predicting otherwise, or that are said apart.
SAID = ("title", "engine", "latent", "split", "inherit", "smoothing")


def methods(
    cohort: str,
    rows: Rows,
    made: Mapping[tuple[str, str], Mapping],
    used: Mapping[str, Reference],
    tables: Mapping[str, str | Path],
) -> str:
    """Markdown about one cohort: data, targets, models, external data, statistics.

    Args:
        cohort: its id.
        rows: the rows of the configuration that the run used, by table.
        made: provenance of predictions by experiment and held-out group.
        used: the references of the run.
        tables: summaries of the cohort (`dataset`) and of its main experiment (`summary`).

    Returns:
        A heading, and a paragraph on each.

    Source: ours.
    """
    keys = rows["cohorts"][cohort]
    dataset, summary = (
        read_table(tables[name]).set_index("quantity")["value"] for name in ("dataset", "summary")
    )
    number = dataset.map(short)
    main = _seen(rows["experiments"][keys["report"]["main"]], rows)
    targets = rows["targets"][main["targets"]]
    genes = rows["targets"].get(targets.get("of"), targets)
    networks = [each for (name, _), each in made.items() if name == keys["report"]["main"]]
    epochs = sorted({int(each["epoch"]) for each in networks if "epoch" in each})
    said = {f"{key}={keys.get(key)}" for key in ("source", "dataset")}
    said |= {f"format={each}" for each in keys["formats"]}
    works = [each for each in used.values() if said & {*each.when.split()}]
    return render(
        "methods.md.jinja",
        title=keys["title"],
        number=number.to_dict(),
        source=SOURCES.get(keys["source"], "").format(**keys),
        cite_data=f" ({'; '.join(each.short for each in works)})" if works else "",
        dropped={
            words.format(**keys): number[name]
            for name, words in DROPPED.items()
            if float(dataset[name])
        },
        summary=summary.to_dict(),
        choice=genes["choice"] if isinstance(genes["genes"], int) else "",
        factors=targets.get("factors"),
        formula=EXPRESSION_UNITS[summary["transform"]],
        main=main,
        epochs=" to ".join(map(str, dict.fromkeys([*epochs[:1], *epochs[-1:]]))),
        n_networks=len(networks),
        others=[
            _seen(row, rows) | {"differs": _differs(row, main, rows)}
            for name, row in rows["experiments"].items()
            if row["cohort"] == cohort and name != keys["report"]["main"]
        ],
        external=[each["title"] for each in rows["external"].values()],
        samples=f"{SAMPLES:,}",
        used=used,
    )


def _seen(row: Mapping, rows: Rows) -> dict:
    """An experiment with the row of its features, if it has any."""
    features = rows["features"].get(row.get("features"))
    return {**row, **({"features": features} if features else {})}


def _differs(row: Mapping, main: Mapping, rows: Rows) -> dict:
    """Keys in which a network differs from the main experiment, in words."""
    if row["kind"] != "network":
        return {}
    differs = {k: value for k, value in row.items() if k not in SAID and value != main.get(k)}
    if "targets" in differs:
        targets = rows["targets"][row["targets"]]
        named = targets.get("genes")
        differs["targets"] = ", ".join(named) if isinstance(named, list) else targets["title"]
    if differs.get("inner_folds") == 0:
        del differs["inner_folds"]
        differs["epochs"] = f"fixed at {row['epochs']}"
    return {key.replace("_", " "): value for key, value in differs.items()}
