"""Features of a section's patches from a frozen encoder, computed once for all baselines."""

from pathlib import Path

import numpy as np

from stnet.config.base import split_view
from stnet.core.checksums import write_json
from stnet.core.hashing import file_sha256
from stnet.core.versions import versions
from stnet.expression.spots import read_used_spots, spot_names
from stnet.features.files import write_features
from stnet.networks.engine import start
from stnet.networks.image_encoder import Encoder
from stnet.slides.patches import check_view, read_patches

# Patches per batch, and numerical settings. Features are computed once per view, so they can afford
# float32, which all devices support.
BATCH = 64
ENGINE = {
    "channels_last": True,
    "precision": "float32",
    "compile": False,
    "prediction_batch": BATCH,
}


def encode_section(
    section: str | Path,
    index: str | Path,
    output: str | Path,
    *,
    view: str,
    settings: dict,
    device: str,
    threads: int,
    code: str,
) -> None:
    """Write the features of a section's used spots.

    Args:
        section: section file.
        index: index of the view.
        output: a file of `write_features`.
        view: view of the patches.
        settings: arguments of `Encoder`: `library`, `architecture`, `options`, `mean`, `sd` and
            `weights`, a file or None for random weights.
        device: `cpu` or `cuda`.
        threads: CPU threads.
        code: code digest, for the provenance.

    Raises:
        InputError: the encoder does not accept the patches' side, or the patches do not belong to
            the section.

    Source: ours; later benchmarks (HEST) compare trained networks with frozen encoders.
    """
    start(device, threads)
    check_view(index, view)
    spots = read_used_spots(section)
    patches = read_patches(index, spot_names(spots), [*spots.uns["grid"]])
    encoder = Encoder(**settings, engine=ENGINE, device=device)
    encoder.check_side(patches.shape[1])
    values = encoder.features(patches, BATCH)
    packages = ["numpy", "torch", "torchvision"]
    provenance = _about(encoder, settings, view) | {
        "kind": "encoder",
        "code": code,
        "versions": versions(*packages, *{settings["library"]} - {*packages}),
    }
    names = [f"feature{number}" for number in range(values.shape[1])]
    write_features(output, spots, values, names, provenance)


def check_encoder(output: str | Path, *, view: str, settings: dict, threads: int) -> None:
    """Build an encoder, load its weights, and write what it is, as JSON.

    This needs no patches, so that what does not fit is refused at the start of a run. `view`,
    `settings` and `threads` are those of `encode_section`. Raises InputError if the encoder cannot
    be built, does not fit its weights or does not accept the view's patches.
    """
    start("cpu", threads)
    encoder = Encoder(**settings, engine=ENGINE, device="cpu")
    window, downsampling = split_view(view)
    side = window // downsampling
    encoder.check_side(side)
    none = np.empty((0, side, side, 3), dtype=np.uint8)
    n_features = encoder.features(none, BATCH).shape[1]
    write_json(output, _about(encoder, settings, view) | {"n_features": n_features})


def _about(encoder: Encoder, settings: dict, view: str) -> dict:
    weights = settings["weights"]
    return {
        "view": view,
        "library": settings["library"],
        "architecture": settings["architecture"],
        "options": str(settings["options"]),
        "mean": encoder.mean,
        "sd": encoder.sd,
        "weights": encoder.name,
        "weights_sha256": file_sha256(weights) if weights else "random",
    }
