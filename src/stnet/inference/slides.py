"""Apply a trained model to a whole slide, tile by tile; tiles are never written to disk."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.config.tiles import Cut
from stnet.core.errors import InputError, SystemFailure
from stnet.core.h5ad import write_h5ad
from stnet.core.hashing import file_hash
from stnet.expression.spatial import THUMBNAIL, spatial
from stnet.inference.account import range_share
from stnet.inference.flags import enlarged
from stnet.inference.model import Model
from stnet.inference.training_distance import TrainingDistance, is_far
from stnet.networks.image_encoder import Encoder
from stnet.slides.blank import all_counts, count_blank, report_blank
from stnet.slides.colours import odd_colours
from stnet.slides.image import SlideImage, open_image
from stnet.slides.scale import (
    UM_PER_PX_AT_1,
    Configured,
    Scale,
    implausible,
    overridden,
    resolve_scale,
)
from stnet.slides.tiling import Tile, Tiling, TilingRecord, tiles
from stnet.slides.windows import fit_side

logger = logging.getLogger(__name__)

# If fewer tiles fit an image, its scale may be wrong (ours).
FEWEST_TILES = 5


def predict_slide(
    image: str | Path,
    model: Model,
    output: str | Path,
    *,
    about: Mapping[str, str],
    cut: Cut,
    configured: Configured,
    encoder: Encoder | None,
    must_read: bool,
) -> None:
    """Write the predictions of a slide's tiles.

    Args:
        image: the slide.
        model: the model to apply.
        output: h5ad, a row per kept tile; `uns["spatial"]` has a thumbnail, as for a section, with
            the side of a tile as spot diameter.
        about: ids `patient`, `sample` and `slide`, and other facts about the file. If it has an
            `md5`, only a file with this hash is called unreadable.
        cut: how the slide is cut into tiles.
        configured: scale from the configuration; without it, a slide that states neither scale nor
            objective is unreadable.
        encoder: its features are averaged over the tiles; or None.
        must_read: whether an unreadable slide is an error. Otherwise the output has no tiles and
            the reason in `uns["refused"]`, so that one bad slide does not stop the others.

    Raises:
        InputError: model or encoder do not fit the tiles; with `must_read` also an unreadable
            slide.
        SystemFailure: the file is missing, cannot be read now or has changed.
    """
    if cut.scale == "pixels" and cut.side % model.downsampling:
        raise InputError(
            f"{configured.key}.tiles.side: {cut.side} is no multiple of {model.downsampling}, by"
            " which the model's view shrinks its patches; correct it"
        )
    slide = _Slide(model, encoder, cut)
    picture, width = None, 0
    refused = ""
    try:
        with ExitStack() as stack:
            with _of_the_slide():
                opened = stack.enter_context(open_image(image))
                picture, width = opened.thumbnail(THUMBNAIL), opened.size[0]
            slide.read(opened, configured)
            slide.checks += filter(None, [odd_colours(picture)])
    except _Unreadable as error:
        if must_read:
            raise
        _check_there(Path(image), about.get("md5", ""))
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
    for check in slide.checks:
        logger.warning(f"{about['slide']}: {check}")
    slide.distance.report(about["slide"])
    report_blank(about["slide"], slide.blank, predictions.n_obs)
    write_h5ad(predictions, output)


class _Unreadable(InputError):
    """The slide itself is unreadable; a model that does not fit or fails says nothing about it."""


@contextmanager
def _of_the_slide() -> Iterator[None]:
    try:
        yield
    except SystemFailure:
        raise
    except InputError as error:
        raise _Unreadable(str(error)) from error


def _check_there(image: Path, md5: str) -> None:
    """Raise SystemFailure unless the file is there and, if its MD5 is known, has it."""
    try:
        found = file_hash(image, "md5").hexdigest
    except OSError as error:
        raise SystemFailure(f"{image}: cannot be read now ({error.strerror}); rerun") from error
    if md5 and found != md5:
        raise SystemFailure(f"{image}: has changed since its job began; rerun")


class _Slide:
    """Results of a slide, collected batch by batch; the tiles themselves are not kept."""

    def __init__(self, model: Model, encoder: Encoder | None, cut: Cut):
        self._model, self._encoder, self._cut = model, encoder, cut
        self._record = TilingRecord()
        self._places: list[tuple[int, int, int, float]] = []
        self._predicted: list[np.ndarray] = []
        self._sd: list[np.ndarray] = []
        self._ood_score: list[np.ndarray] = []
        self._features: np.ndarray | None = None
        self._about: dict[str, object] = {}
        self._side = cut.side
        self._step = 0
        self.blank: Counter[str] = Counter()
        self.checks: list[str] = []
        self.distance = TrainingDistance(model.um_per_px, float("nan"))

    def read(self, image: SlideImage, configured: Configured) -> None:
        """Cut tiles and predict them. Raises InputError if the slide is unreadable."""
        cut, model = self._cut, self._model
        # Tiles given in micrometres need only the resolution of the training images.
        trained_at = UM_PER_PX_AT_1 / model.um_per_px
        with _of_the_slide():
            scale = resolve_scale(
                image,
                magnification=cut.magnification,
                least=trained_at if cut.scale == "micrometres" else cut.magnification,
                configured=configured,
            )
            self._side, side = _sides(cut, model, scale)
            if scale.taken_from == "configured":
                self.checks += overridden(image, scale.um_per_px)
            self.checks += implausible(scale.um_per_px) + enlarged(self._side, side)
            _check_holds_a_tile(image, scale, self._side, configured.key)
        self._about = {
            **{"width": image.size[0], "height": image.size[1], "um_per_px": scale.um_per_px},
            **{"magnification": scale.magnification, "magnification_from": scale.taken_from},
            "downsample": scale.downsample,
        }
        self.distance = TrainingDistance(
            model.um_per_px, scale.um_per_px * scale.downsample * self._side / side
        )
        tiling = Tiling(self._side, cut.background, cut.most_background, cut.overlap)
        self._step = round(tiling.step * scale.downsample)
        cut_tiles = tiles(image, scale, tiling, self._record, threads=model.threads)
        for batch in _batches(cut_tiles, model.batch(side)):
            patches = np.stack([fit_side(tile.pixels, side) for tile in batch])
            self.blank += count_blank(patches)
            found = model.apply(patches)
            self._places += [(tile.x, tile.y, tile.size, tile.tissue) for tile in batch]
            self._predicted.append(found.predicted)
            self._ood_score.append(found.ood_score)
            if found.sd is not None:
                self._sd.append(found.sd)
            self.distance.add(found.stain, found.latent)
            if self._encoder:
                features = self._encoder.features(patches, len(patches)).sum(axis=0, dtype=float)
                self._features = features + (0 if self._features is None else self._features)

        if self._record.candidates < FEWEST_TILES:
            self.checks.append(
                f"only {self._record.candidates} tiles fit the image of {image.size[0]:,} x"
                f" {image.size[1]:,} px; check its scale, {scale.um_per_px:.4g} µm per pixel"
            )

    def tiling(self) -> dict[str, object]:
        """How the slide was cut, and the numbers of tiles. `step` is in level-0 pixels."""
        cut = {**self._cut.model_dump(), "side": self._side, "step": self._step}
        return cut | asdict(self._record)

    @property
    def tile_size(self) -> float:
        """Side of a tile in pixels of the whole slide; NaN without tiles."""
        return float(self._places[0][2]) if self._places else float("nan")

    def as_anndata(self, about: Mapping[str, str]) -> ad.AnnData:
        """The predictions file of the tiles."""
        n, genes = len(self._places), self._model.genes
        empty = np.empty((0, len(genes)), dtype=np.float32)
        predicted = np.concatenate([empty, *self._predicted])
        obs = pd.DataFrame(self._places, columns=["x", "y", "size", "tissue"])
        obs.index = [f"{about['slide']}:{tile.x}x{tile.y}" for tile in obs.itertuples()]
        for name in ("patient", "sample"):
            obs[name] = pd.Categorical([about[name]] * n)
        obs["section"] = pd.Categorical([about["slide"]] * n)
        ood_score = np.concatenate([np.zeros(0, dtype=np.float32), *self._ood_score])
        abstained = is_far(ood_score)
        obs["abstained"], obs["ood_score"] = abstained, ood_score
        predictions = ad.AnnData(
            predicted,
            obs=obs,
            var=genes.assign(range_share=range_share(predicted, genes)),
            layers=self._model.bounds(predicted, abstained | bool(self.distance.flags())),
            obsm={"spatial": obs[["x", "y"]].to_numpy(float) + obs[["size"]].to_numpy() / 2},
            uns={
                "slide": {**about, **self._about, "checks": self.checks},
                "tiling": self.tiling(),
                "training_distance": self.distance.summary(),
                "flags": self.distance.flags(),
                "blank_patches": all_counts(self.blank),
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


def _check_holds_a_tile(image: SlideImage, scale: Scale, side: int, key: str) -> None:
    """Raise InputError if a tile of `side` pixels at the working magnification is too large."""
    width, height = image.size
    size = side * scale.downsample
    if min(width, height) + 1e-6 < size:
        raise InputError(
            f"{image.path}: {width:,} x {height:,} px, smaller than a tile of {size:,.0f} px"
            f" ({size * scale.um_per_px:,.0f} µm at {scale.um_per_px:.4g} µm per pixel, taken from:"
            f" {scale.taken_from}); give the image at full resolution, or correct {key}.um_per_px"
        )


def _batches(cut_tiles: Iterator[Tile], size: int) -> Iterator[list[Tile]]:
    while True:
        with _of_the_slide():
            batch = list(islice(cut_tiles, size))
        if not batch:
            return
        yield batch
