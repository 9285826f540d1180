"""Batches and memory of a network by the side of its patches, for its rules and for itself."""

from stnet.config.base import split_view

# Batch sizes of prediction, and the memory of an image, are of patches of this side, in pixels.
SIDE = 224
# Measured with DenseNet-121 in float32 on a CPU (docs/performance.md), in MB per image of a batch.
TRAINED_MB, PREDICTED_MB = 200, 40
# Python, torch and files.
BASE_MB = 4000
# Spots to provide for: the paper's cohort, and the largest held-out group of it by far.
SPOTS, HELD_OUT_SPOTS = 31_000, 8_000
MB = 10**6


def prediction_batch(configured: int, side: int) -> int:
    """Patches of `side` pixels per batch: as configured, fewer of patches larger than `SIDE`.

    A batch then takes no more memory, whatever the side.
    """
    return max(1, min(configured, configured * SIDE**2 // side**2))


def training_mb(view: str, batch_size: int, device: str) -> int:
    """Memory of a training job in MB, on the machine itself: its patches, and on the CPU a step."""
    step = TRAINED_MB * batch_size * _side(view) ** 2 // SIDE**2
    return max(16_000, _with_patches(view, SPOTS) + (step if device == "cpu" else 0))


def prediction_mb(view: str, configured: int, device: str) -> int:
    """Memory in MB, as `training_mb`, of a job that predicts in batches of `configured`."""
    side = _side(view)
    batch = PREDICTED_MB * prediction_batch(configured, side) * side**2 // SIDE**2
    return max(8_000, _with_patches(view, HELD_OUT_SPOTS) + (batch if device == "cpu" else 0))


def _with_patches(view: str, spots: int) -> int:
    return BASE_MB + spots * 3 * _side(view) ** 2 // MB


def _side(view: str) -> int:
    window, downsampling = split_view(view)
    return window // downsampling
