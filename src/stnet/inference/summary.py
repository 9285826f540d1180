"""Summary of the predictions of a user's own slide or section."""

from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.h5ad import read_h5ad
from stnet.core.tables import write_table
from stnet.evaluation.correlation import pearson
from stnet.inference.flags import WARNINGS
from stnet.slides.blank import describe_blank

UNKNOWN = "unknown: the model has fewer than three training patients"
NOTHING = "unknown: no tile has enough tissue"


def write_summary(predictions: str | Path, output: str | Path) -> None:
    """Write a table `quantity value` of the predictions of a slide or section.

    `far_stain` and `far_latent` are relative to the farthest training patient, `far_um_per_px` to
    the training images. There is a row `warning` for each that is too far, and one for blank
    patches. For a measured section, `mean_r…` is over its spots.
    """
    table = read_h5ad(predictions)
    consistent = table.var["consistent"].to_numpy(dtype=bool)
    provenance = table.uns["provenance"]
    rows: list[tuple[str, object]] = [
        ("experiment", provenance["experiment"]),
        ("model", provenance["model"]),
        ("initial_weights", provenance["initial_weights"]),
        ("predicted", f"{table.n_obs} {'tiles' if 'tiling' in table.uns else 'spots'}"),
        ("genes", table.n_vars),
        ("consistent_genes", int(consistent.sum())),
    ]
    of_image = table.uns if "tiling" in table.uns else provenance
    slide = table.uns["slide"]
    taken_from = f" ({slide['magnification_from']})" if "magnification_from" in slide else ""
    rows.append(("um_per_px", f"{slide['um_per_px']:.4g}{taken_from}"))
    unknown = UNKNOWN if table.n_obs else NOTHING
    for name, value in of_image["training_distance"].items():
        rows.append((f"far_{name}", unknown if np.isnan(value) else f"{value:.3g}"))
    rows += [("warning", WARNINGS[flag]) for flag in of_image["flags"]]
    if blank := describe_blank(of_image["blank_patches"], table.n_obs):
        rows.append(("warning", blank))
    if "observed" in table.layers and table.n_obs > 2:
        observed = np.asarray(table.layers["observed"])
        found = np.isfinite(observed).all(axis=0)
        r = pearson(np.asarray(table.X)[:, found].T, observed[:, found].T)
        rows.append(("measured_genes", int(found.sum())))
        rows.append(("mean_r", f"{np.nanmean(r):.3g}"))
        if consistent[found].any():
            rows.append(("mean_r_consistent", f"{np.nanmean(r[consistent[found]]):.3g}"))
    write_table(pd.DataFrame(rows, columns=["quantity", "value"]), output)
