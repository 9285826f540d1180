"""CSV for R, pandas and spreadsheets: one row per spot or tile, all genes."""

from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.checksums import recorded_path
from stnet.exports.predicted import read_predicted

# Annotations of spots and tiles that other programs can use.
KEPT = ["patient", "section", "array_row", "array_col", "label", "annotation"]
KEPT += ["abstained", "ood_score"]
# Rows that are formatted at once, so that a slide takes no more memory than its values.
ROWS = 1000


def write_csv(predictions: str | Path, name: str, output: str | Path) -> None:
    """Write a section or slide as a compressed CSV.

    Columns are `name`, place (`x_px`, `y_px` in full-resolution pixels, `x_um`, `y_um`), those of
    `KEPT` that are there, and `{gene} {kind}` for each gene and what `Predicted.values` has of it.
    Numbers are the shortest that give the same float32; missing values are empty cells; `abstained`
    is TRUE or FALSE, as R reads it. Errors are those of `read_predicted`.
    """
    found = read_predicted(predictions, name)
    spots, centres = found.spots, found.centres
    columns = {"x_px": centres[:, 0], "y_px": centres[:, 1]}
    columns |= {f"{axis}_um": columns[f"{axis}_px"] * found.um_per_px for axis in "xy"}
    columns |= {each: spots.obs[each].to_numpy() for each in KEPT if each in spots.obs}
    if "abstained" in columns:
        columns["abstained"] = np.where(columns["abstained"], "TRUE", "FALSE")
    for gene, label in spots.var["label"].items():
        columns |= {f"{label} {kind}": each for kind, each in found.values(gene).items()}
    table = pd.DataFrame(columns, index=pd.Index(spots.obs_names, name="name"), copy=False)
    with recorded_path(output) as temporary:
        # Without the time that gzip would write.
        compression = {"method": "gzip", "compresslevel": 4, "mtime": 0}
        table.to_csv(temporary, compression=compression, chunksize=ROWS)
