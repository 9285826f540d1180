"""The precision of predictions for your own slides and sections: decided once, and written down."""

from pathlib import Path

from stnet.core.checksums import read_json, write_json
from stnet.core.processor import has_bfloat16


def write_precision(configured: str, device: str, output: str | Path) -> None:
    """Write the precision of all jobs of a run: `float32`, `bfloat16`, or null for the model's own.

    Jobs of one run may be on unlike machines, and a later run on another one. So the file is made
    once, where the run is started, and decides for all of them.

    Args:
        configured: `auto`, `float32` or `bfloat16`. `auto` is bfloat16 on the CPU if the processor
            of this machine has it, else float32; on a GPU it is the model's own.
        device: `cpu` or `cuda`.
        output: JSON.
    """
    precision: str | None = configured
    if configured == "auto":
        short = "bfloat16" if has_bfloat16() else "float32"
        precision = short if device == "cpu" else None
    write_json(output, {"configured": configured, "precision": precision})


def read_precision(path: str | Path) -> str | None:
    """The precision that `write_precision` wrote."""
    return read_json(path)["precision"]
