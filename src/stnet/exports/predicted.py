"""A section or slide with predictions, as every format takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image

from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.expression.spatial import picture_of
from stnet.inference.wanted_genes import find_genes

# Genes in formats that cannot take all, where none are named (ours).
SHOWN = 12
# What predictions files call a measurement; other layers keep their names.
OBSERVED, MEASURED = "observed", "measured"
# Corners of a circle.
CORNERS = 24


@dataclass(frozen=True)
class Predicted:
    """A section or slide.

    Attributes:
        name: id of the section or slide.
        spots: (spots or tiles, genes). X is predicted; the layers `measured`, `lower`, `upper` and
            others are there if the predictions have them. `obs` is that of the predictions,
            `obsm["spatial"]` has centres in full-resolution pixels, `var["label"]` a name for each
            gene that is unique and can be printed: its symbol, where two have it with the id.
        radius: radius of a spot, or half the side of a tile, in full-resolution pixels. Of tiles
            that overlap it is half their distance, so that shapes lie side by side.
        square: whether they are tiles.
        um_per_px: micrometres per full-resolution pixel.
        picture: the whole image, reduced; None without an image.
        downsample: full-resolution pixels per pixel of the picture; NaN without an image.
    """

    name: str
    spots: ad.AnnData
    radius: float
    square: bool
    um_per_px: float
    picture: Image.Image | None
    downsample: float

    @property
    def centres(self) -> np.ndarray:
        """Centres (x, y) in full-resolution pixels, (n, 2)."""
        return np.asarray(self.spots.obsm["spatial"], dtype=float)

    def outlines(self) -> np.ndarray:
        """Closed outlines of tiles or spots in full-resolution pixels, (n, corners + 1, 2)."""
        if self.square:
            unit = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)], dtype=float)
        else:
            angles = 2 * np.pi * (np.arange(CORNERS + 1) % CORNERS) / CORNERS
            unit = np.column_stack([np.cos(angles), np.sin(angles)])
        return self.centres[:, None] + self.radius * unit

    def values(self, gene: str) -> dict[str, np.ndarray]:
        """Values (n,) of a gene, given by id: `predicted`, and its layers but those without any."""
        column = self.spots.var_names.get_loc(gene)
        found = {"predicted": self.spots.X[:, column]}
        found |= {
            name: each[:, column] for name, each in self.spots.layers.items() if name is not None
        }
        return {name: each for name, each in found.items() if not np.isnan(each).all()}

    def choose(self, wanted: Sequence[str]) -> list[str]:
        """Ids of the `wanted` genes, given by id or symbol.

        If nothing is wanted, those with the largest standard deviation of the prediction, at most
        `SHOWN`; those that were consistent in training come first. Raises InputError for a gene
        that is not predicted.
        """
        if wanted:
            names = self.spots.var[["symbol", "ensembl"]].itertuples(name=None)
            return find_genes(wanted, names, f"export.genes: {self.name}")
        spread = np.nan_to_num(np.nanstd(self.spots.X, axis=0, dtype=float))
        order = pd.DataFrame({"spread": spread}, index=self.spots.var_names)
        order.insert(0, "consistent", self.spots.var.get("consistent", False))
        order = order.sort_values([*order.columns], ascending=False, kind="stable")
        return order.index[:SHOWN].tolist()


def read_predicted(path: str | Path, name: str) -> Predicted:
    """Read a section or slide from a file of predictions, which may have other sections too.

    Raises InputError if the file is damaged or has no spot or tile of it.
    """
    table = read_h5ad(path, ["uns/spatial", "obsm/spatial"])
    table = table[(table.obs["section"] == name).to_numpy()]
    if not table.n_obs:
        reason = table.uns.get("refused") or "no spot or tile of it is predicted"
        raise InputError(f"{path}: nothing to export of {name}: {reason}; leave it out")
    of_section = table.uns["spatial"][name]
    slide = table.uns.get("slide", of_section["metadata"])
    picture, downsample = picture_of(of_section)
    tiling = table.uns.get("tiling", {})
    side = tiling.get("step", of_section["scalefactors"]["spot_diameter_fullres"])
    layers = {
        MEASURED if layer == OBSERVED else layer: np.asarray(table.layers[layer])
        for layer in table.layers
        if layer not in (None, "recoloured")  # half-widths are made of these
    }
    spots = ad.AnnData(
        np.asarray(table.X),
        obs=table.obs.copy(),
        var=table.var.assign(label=_labels(table.var)),
        layers=layers,
        obsm={"spatial": np.asarray(table.obsm["spatial"], dtype=float)},
        uns={"provenance": dict(table.uns["provenance"])},
    )
    return Predicted(
        name=name,
        spots=spots,
        radius=float(side) / 2,
        square=bool(tiling),
        um_per_px=float(slide["um_per_px"]),
        picture=picture,
        downsample=downsample,
    )


def _labels(genes: pd.DataFrame) -> list[str]:
    ids = genes.index.astype(str).to_series(index=genes.index)
    symbols = genes["symbol"].astype(object).fillna("")
    names = symbols.where(symbols != "", ids).map(_printed)
    names = names.where(~names.duplicated(keep=False), names + " (" + ids.map(_printed) + ")")
    return (names if names.is_unique else ids).tolist()


def _printed(text: str) -> str:
    # XML and some viewers refuse control characters.
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
