"""Warnings about images that are unlike a model's training images."""

from collections.abc import Mapping

# Pixels may be larger or smaller than those of the training images by this factor.
SCALE_TOLERANCE = 1.15

WARNINGS = {
    "stain": "its stain is unlike every training patient's",
    "latent": "its latent features are unlike every training patient's",
    "um_per_px": "the network sees it at another scale than its training images",
}


def enlarged(window: int, side: int) -> list[str]:
    """A warning if windows of `window` pixels are enlarged to the network's `side`, or none."""
    if side <= SCALE_TOLERANCE * window:
        return []
    return [
        f"the image has too few pixels: it is enlarged {side / window:.1f} times to the scale of"
        " the training images, without their detail"
    ]


def flags(distance: Mapping[str, float]) -> list[str]:
    """Names of the values of `TrainingDistance.summary` that are too far from training.

    `stain` and `latent` must not exceed the farthest training patient; `um_per_px` must be within
    `SCALE_TOLERANCE` of training. Unknown values (NaN) are not flagged.
    """
    named = [name for name in ("stain", "latent") if distance[name] > 1]
    ratio = distance["um_per_px"]
    if ratio > SCALE_TOLERANCE or ratio < 1 / SCALE_TOLERANCE:
        named.append("um_per_px")
    return named
