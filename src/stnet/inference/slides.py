"""Apply a trained model to a whole slide, tile by tile; tiles are never written to disk."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.config.tiles import Cut
from stnet.core.errors import InputError, SystemFailure
from stnet.core.h5ad import write_h5ad
from stnet.expression.spatial import THUMBNAIL, spatial
from stnet.inference.model import Model
from stnet.inference.training_distance import TrainingDistance
from stnet.networks.image_encoder import Encoder
from stnet.slides.image import SlideImage, open_image
from stnet.slides.scale import UM_PER_PX_AT_1, Scale, resolve_scale
from stnet.slides.tiling import Tile, Tiling, TilingRecord, tiles
from stnet.slides.windows import fit_side

logger = logging.getLogger(__name__)


def predict_slide(
    image: str | Path,
    model: Model,
    output: str | Path,
    *,
    about: Mapping[str, str],
    cut: Cut,
    default_um_per_px: float | None,
    encoder: Encoder | None,
    must_read: bool,
) -> None:
    """Write the predictions of a slide's tiles.

    Args:
        image: the slide.
        model: the model to apply.
        output: h5ad, a row per kept tile; `uns["spatial"]` has a thumbnail, as for a section, with
            the side of a tile as spot diameter.
        about: ids `patient`, `sample` and `slide`, and other facts about the file.
        cut: how the slide is cut into tiles.
        default_um_per_px: scale of a slide that states neither scale nor objective; None makes such
            a slide unreadable.
        encoder: its features are averaged over the tiles; or None.
        must_read: whether an unreadable slide is an error. Otherwise the output has no tiles and
            the reason in `uns["refused"]`, so that one bad slide does not stop the others.

    Raises:
        InputError: the model's downsampling does not divide the side of a tile; with `must_read`
            also an unreadable slide.
    """
    if cut.scale == "pixels" and cut.side % model.downsampling:
        raise InputError(
            f"tiles.side: {cut.side} is no multiple of {model.downsampling}, by which the model's"
            " view shrinks its patches; correct it"
        )
    slide = _Slide(model, encoder, cut)
    picture, width = None, 0
    refused = ""
    try:
        with open_image(image) as opened:
            picture, width = opened.thumbnail(THUMBNAIL), opened.size[0]
            slide.read(opened, default_um_per_px)
    except SystemFailure:
        raise
    except InputError as error:
        if must_read:
            raise
        refused = str(error).removeprefix(f"{image}: ")
        logger.warning(f"{about['slide']}: refused: {refused}")
        slide = _Slide(model, encoder, cut)
    predictions = slide.as_anndata(about)
    predictions.uns["slide"]["path"] = Path(image).name
    predictions.uns["refused"] = refused
    predictions.uns["spatial"] = {
        about["slide"]: spatial(
            picture,
            width=width,
            spot_diameter=slide.tile_size,
            metadata={"source_image_path": Path(image).name},
        )
    }
    predictions.uns["provenance"] = {
        **model.provenance(),
        "transform": model.transform,
        "universe": model.universe,
        "encoder": encoder.name if encoder else "",
    }
    logger.info(f"{about['slide']}: {predictions.n_obs} tiles kept: {slide.tiling()}")
    slide.distance.report(about["slide"])
    write_h5ad(predictions, output)


class _Slide:
    """Results of a slide, collected batch by batch; the tiles themselves are not kept."""

    def __init__(self, model: Model, encoder: Encoder | None, cut: Cut):
        self._model, self._encoder, self._cut = model, encoder, cut
        self._record = TilingRecord()
        self._places: list[tuple[int, int, int, float]] = []
        self._predicted: list[np.ndarray] = []
        self._sd: list[np.ndarray] = []
        self._features: np.ndarray | None = None
        self._about: dict[str, object] = {}
        self._side = cut.side
        self.distance = TrainingDistance(model.um_per_px, float("nan"))

    def read(self, image: SlideImage, default_um_per_px: float | None) -> None:
        """Cut tiles and predict them. Raises InputError if the slide is unreadable."""
        cut, model = self._cut, self._model
        # Tiles given in micrometres need only the resolution of the training images.
        trained_at = UM_PER_PX_AT_1 / model.um_per_px
        scale = resolve_scale(
            image,
            magnification=cut.magnification,
            least=trained_at if cut.scale == "micrometres" else cut.magnification,
            default_um_per_px=default_um_per_px,
        )
        self._side, side = _sides(cut, model, scale)
        self._about = {
            **{"width": image.size[0], "height": image.size[1], "um_per_px": scale.um_per_px},
            **{"magnification": scale.magnification, "magnification_from": scale.taken_from},
            "downsample": scale.downsample,
        }
        self.distance = TrainingDistance(
            model.um_per_px, scale.um_per_px * scale.downsample * self._side / side
        )
        tiling = Tiling(self._side, cut.background, cut.most_background)
        cut_tiles = tiles(image, scale, tiling, self._record, threads=model.threads)
        for batch in _batches(cut_tiles, model.batch(side)):
            patches = np.stack([fit_side(tile.pixels, side) for tile in batch])
            found = model.apply(patches)
            self._places += [(tile.x, tile.y, tile.size, tile.tissue) for tile in batch]
            self._predicted.append(found.predicted)
            if found.sd is not None:
                self._sd.append(found.sd)
            self.distance.add(found.stain, found.latent)
            if self._encoder:
                features = self._encoder.features(patches, len(patches)).sum(axis=0, dtype=float)
                self._features = features + (0 if self._features is None else self._features)

    def tiling(self) -> dict[str, object]:
        """How the slide was cut, and the numbers of tiles."""
        return {**self._cut.model_dump(), "side": self._side, **asdict(self._record)}

    @property
    def tile_size(self) -> float:
        """Side of a tile in pixels of the whole slide; NaN without tiles."""
        return float(self._places[0][2]) if self._places else float("nan")

    def as_anndata(self, about: Mapping[str, str]) -> ad.AnnData:
        """The predictions file of the tiles."""
        n, genes = len(self._places), self._model.genes
        obs = pd.DataFrame(self._places, columns=["x", "y", "size", "tissue"])
        obs.index = [f"{about['slide']}:{tile.x}x{tile.y}" for tile in obs.itertuples()]
        for name in ("patient", "sample"):
            obs[name] = pd.Categorical([about[name]] * n)
        obs["section"] = pd.Categorical([about["slide"]] * n)
        empty = np.empty((0, len(genes)), dtype=np.float32)
        predictions = ad.AnnData(
            np.concatenate([empty, *self._predicted]),
            obs=obs,
            var=genes,
            obsm={"spatial": obs[["x", "y"]].to_numpy(float) + obs[["size"]].to_numpy() / 2},
            uns={
                "slide": {**about, **self._about},
                "tiling": self.tiling(),
                "training_distance": self.distance.summary(),
                "flags": self.distance.flags(),
            },
        )
        if self._sd:
            predictions.layers["sd"] = np.concatenate(self._sd)
        if self._features is not None:
            predictions.uns["features"] = (self._features / n).astype(np.float32)
        return predictions


def _sides(cut: Cut, model: Model, scale: Scale) -> tuple[int, int]:
    """Side of a tile at the working magnification and at the network's input, in pixels."""
    if cut.scale == "pixels":
        return cut.side, cut.side // model.downsampling
    window_um = model.side * model.um_per_px
    return max(1, round(window_um / (scale.um_per_px * scale.downsample))), model.side


def _batches(cut_tiles: Iterator[Tile], size: int) -> Iterator[list[Tile]]:
    while batch := list(islice(cut_tiles, size)):
        yield batch
