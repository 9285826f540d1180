"""Summary of the predictions of a user's own slide or section."""

import logging
from pathlib import Path

import pandas as pd

from stnet.core.h5ad import read_h5ad
from stnet.core.tables import FEWEST_PATIENTS, TOO_FEW, write_table
from stnet.inference.account import account_of, hardly_varies, intervals_of

logger = logging.getLogger(__name__)


def write_summary(predictions: str | Path, output: str | Path) -> None:
    """Write a table `quantity value` of the predictions of a slide or section.

    `far_stain` and `far_latent` are relative to the farthest training patient, `far_um_per_px` to
    the training images. There is a row `warning` for each that is too far, and one for blank
    patches. For a measured section, `mean_r…` is over its measured genes. What is
    unknown, `intervals` and `abstained`, is logged too.
    """
    table = read_h5ad(predictions, needs=["obs/abstained"])
    consistent = table.var["consistent"].to_numpy(dtype=bool)
    few = (table.var["n_patients"] < FEWEST_PATIENTS).all()
    provenance, account = table.uns["provenance"], account_of(table)
    rows: list[tuple[str, object]] = [
        ("experiment", provenance["experiment"]),
        ("model", provenance["model"]),
        ("initial_weights", provenance["initial_weights"]),
        ("predicted", account.predicted),
        ("genes", table.n_vars),
        ("consistent_genes", TOO_FEW if few else int(consistent.sum())),
    ]
    if not few:
        rows.append(("consistent_hardly_varying", int(hardly_varies(table.var)[consistent].sum())))
    slide = table.uns["slide"]
    taken_from = f" ({slide['magnification_from']})" if "magnification_from" in slide else ""
    rows.append(("um_per_px", f"{slide['um_per_px']:.4g}{taken_from}"))
    rows += [(f"far_{name}", value) for name, value in account.far.items()]
    unknown = [("abstained", account.abstained)]
    if "level" in provenance:
        unknown.append(("intervals", intervals_of(table)))
    for name, value in unknown:
        logger.info(f"{Path(predictions).parent.name}: {name}: {value}")
    rows += unknown
    rows += [("warning", warning) for warning in account.warnings]
    if "pearson" in table.var:
        rows.append(("measured_genes", int((table.var["match"] != "").sum())))
        for name, r in (
            ("", table.var["pearson"]),
            ("_consistent", table.var["pearson"][consistent]),
        ):
            if r.notna().any():
                rows.append((f"mean_r{name}", f"{r.mean():.3g}"))
    write_table(pd.DataFrame(rows, columns=["quantity", "value"]), output)
