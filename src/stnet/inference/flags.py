"""What is unusual about an image, beside those a model was trained on."""

from collections.abc import Mapping

# An image's pixels may be so many times smaller or larger than the training images'.
SCALE_TOLERANCE = 1.15

WORDS = {
    "stain": "its stain is farther from the training patients' than that of any of them",
    "latent": "its latent features are farther from the training patients' than those of any",
    "um_per_px": "the network sees it at another scale than its training images",
}


def flags(distance: Mapping[str, float]) -> list[str]:
    """Which values of `TrainingDistance.summary` are farther from training than they should be.

    `stain` and `latent` are relative to the farthest training patient; `um_per_px` relative to
    training, either way. What is unknown (NaN) is not flagged.
    """
    named = [name for name in ("stain", "latent") if distance[name] > 1]
    ratio = distance["um_per_px"]
    if ratio > SCALE_TOLERANCE or ratio < 1 / SCALE_TOLERANCE:
        named.append("um_per_px")
    return named
