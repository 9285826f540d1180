"""Numerical settings of a network by device."""

from typing import Annotated, Literal

from pydantic import Field

from stnet.config.base import AtLeastOne, Keys

# The engines differ in defaults and choices, not in meaning.
PRECISION = Field(
    description="Precision of all layers but the last, which is always float32; tf32 rounds the"
    " inputs of a GPU's convolutions. Source: ours (the released code computes in float32, with"
    " TF32 where its PyTorch does)."
)
Batch = Annotated[
    AtLeastOne,
    Field(
        description="Patches per batch of prediction, fewer of those larger than 224 px; changes"
        " rounding only."
    ),
]


class Engine(Keys):
    """Numerical settings of one device. They change speed and rounding only."""

    channels_last: bool = True
    """Whether tensors use the channels-last memory layout; changes rounding only."""
    precision: Annotated[Literal["float32", "tf32", "bfloat16"], PRECISION]
    compile: bool = False
    """Whether to use torch.compile, which needs a C++ compiler; changes rounding only."""
    prediction_batch: Batch


class CpuEngine(Engine):
    """The engine of the CPU."""

    precision: Annotated[Literal["float32", "bfloat16"], PRECISION] = "float32"
    prediction_batch: Batch = 32


class GpuEngine(Engine):
    """The engine of a GPU."""

    precision: Annotated[Literal["float32", "tf32", "bfloat16"], PRECISION] = "bfloat16"
    prediction_batch: Batch = 512


class Engines(Keys):
    """The engine of each device; only the configured device's engine is used."""

    cpu: CpuEngine = CpuEngine()
    """Engine of the CPU."""
    cuda: GpuEngine = GpuEngine()
    """Engine of a GPU."""
