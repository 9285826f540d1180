"""The methods of a run in sentences, for a manuscript, with the run's own numbers."""

from collections.abc import Mapping

from stnet.core.errors import InputError
from stnet.core.tables import read_table
from stnet.evaluation.bootstrap import SAMPLES
from stnet.record.markdown import render
from stnet.record.references import Rows, data_works
from stnet.record.run import Run

# Keys in which networks may differ without predicting otherwise, or that are said apart.
SAID = ("title", "engine", "latent", "split", "inherit", "smoothing", "features")


def methods(cohort: str, keys: Mapping, run: Run) -> str:
    """Markdown about one cohort: data, targets, models, external data, statistics.

    `keys` is its row of the configuration, with the `formats` of its sections. Raises InputError if
    the run did not make the tables of its main results.
    """
    rows = run.rows
    name = keys["report"]["main"]
    tables = [f"results/{cohort}/tables/{of}/summary.tsv" for of in ("dataset", f"{name}/all")]
    for path in tables:
        if path not in run.outputs:
            raise InputError(f"{path}: not of the certified run; run the target all, then record")
    dataset, summary = (read_table(path).set_index("quantity")["value"] for path in tables)
    experiments = {
        each: row | {"features": rows["features"].get(row.get("features"))}
        for each, row in rows["experiments"].items()
        if row["cohort"] == cohort
    }
    main = experiments.pop(name)
    targets = rows["targets"][main["targets"]]
    return render(
        "methods.md.jinja",
        keys=keys,
        works=data_works(keys),
        dataset=dataset.to_dict(),
        summary=summary.to_dict(),
        targets=targets,
        genes=rows["targets"].get(targets.get("of"), targets),
        main=main,
        others=[row | {"differs": _differs(row, main, rows)} for row in experiments.values()],
        networks=[each for each in run.made if each["experiment"] == name],
        external=rows["external"].values(),
        samples=SAMPLES,
        used=run.used,
    )


def _differs(row: Mapping, main: Mapping, rows: Rows) -> dict:
    """Keys in which a network differs from the main experiment, in words."""
    differs = {key: row[key] for key in row if key not in SAID and row[key] != main.get(key)}
    if "targets" in differs:
        targets = rows["targets"][row["targets"]]
        named = targets.get("genes")
        differs["targets"] = ", ".join(named) if isinstance(named, list) else targets["title"]
    if row["kind"] == "network" and differs.get("inner_folds") == 0:
        del differs["inner_folds"]
        differs["epochs"] = f"fixed at {row['epochs']}"
    return {key.replace("_", " "): value for key, value in differs.items()}
