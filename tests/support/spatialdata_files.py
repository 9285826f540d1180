"""A section as SpatialData, whose parts can be altered before it is written."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import spatialdata
from PIL import Image
from scipy import sparse
from spatialdata.models import Image2DModel, ShapesModel, TableModel
from spatialdata.transformations import Identity

REGION, KEY = "spots", "spot_id"


class Zarr:
    """Counts, spots and an image, as tables of a section in the ST formats has them."""

    def __init__(self, spots: pd.DataFrame, counts: pd.DataFrame, image: str | Path, radius: float):
        """`spots` (array and pixel positions) and `counts` are indexed by the same names."""
        names = [name for name in spots.index if name in counts.index]
        self.spots, self.radius = spots.loc[names], radius
        obs = self.spots[["array_row", "array_col"]].assign(
            **{KEY: range(len(names)), "of": REGION}
        )
        matrix = sparse.csr_matrix(counts.loc[names].to_numpy(dtype=np.int32))
        self.table = ad.AnnData(matrix, obs=obs, var=pd.DataFrame(index=list(counts.columns)))
        self.pixels = np.moveaxis(np.asarray(Image.open(image).convert("RGB")), 2, 0)
        self.channels: list | None = None
        self.levels: list | None = None
        self.chunk = 128
        self.placed, self.shown = {"global": Identity()}, {"global": Identity()}
        self.centres = self.spots[["pixel_x", "pixel_y"]].to_numpy(float)

    def shapes(self):
        return ShapesModel.parse(
            self.centres,
            geometry=0,
            radius=self.radius,
            index=pd.Index(range(len(self.centres))),
            transformations=dict(self.placed),
        )

    def image(self):
        return Image2DModel.parse(
            self.pixels,
            dims=("c", "y", "x"),
            c_coords=self.channels,
            scale_factors=self.levels,
            chunks=(len(self.pixels), self.chunk, self.chunk),
            transformations=dict(self.shown),
        )

    def annotating(self, region: str = REGION) -> ad.AnnData:
        table = self.table.copy()
        table.obs["of"] = pd.Categorical([region] * table.n_obs)
        return TableModel.parse(table, region=region, region_key="of", instance_key=KEY)

    def data(self) -> spatialdata.SpatialData:
        return spatialdata.SpatialData(
            images={"he": self.image()},
            shapes={REGION: self.shapes()},
            tables={"table": self.annotating()},
        )


def row_of(folder: Path, like: dict[str, str], **columns: str) -> dict[str, str]:
    """The row of the sheet for the section `like` in the Zarr `folder`."""
    named = {"format": "spatialdata", "counts": str(folder), "image": f"{folder}/images/he"}
    return {**like, **named, "spots": "", "labels": "", **columns}
