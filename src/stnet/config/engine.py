"""Numerical settings of a network by device."""

from typing import Literal

from stnet.config.base import AtLeastOne, Keys


class Engine(Keys):
    """Numerical settings of one device. They change speed and rounding only."""

    channels_last: bool = True
    """Whether tensors use the channels-last memory layout; changes rounding only."""
    precision: Literal["float32", "tf32", "bfloat16"]
    """Precision of all layers but the last, which is float32; tf32 rounds the inputs of a GPU's
    convolutions. Source: ours (the released code computes in float32, with TF32 where its PyTorch
    does)."""
    compile: bool = False
    """Whether to use torch.compile, which needs a C++ compiler; changes rounding only."""
    prediction_batch: AtLeastOne
    """Patches per batch of prediction; changes rounding only."""


class CpuEngine(Engine):
    """The engine of the CPU."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of all layers but the last, which is always float32."""
    prediction_batch: AtLeastOne = 32
    """Patches per batch of prediction; changes rounding only."""


class GpuEngine(Engine):
    """The engine of a GPU."""

    precision: Literal["float32", "tf32", "bfloat16"] = "bfloat16"
    """Precision of all layers but the last, which is float32; tf32 rounds the inputs of
    convolutions. Source: ours (the released code computes in float32, with TF32 where its PyTorch
    does)."""
    prediction_batch: AtLeastOne = 512
    """Patches per batch of prediction; changes rounding only."""


class Engines(Keys):
    """The engine of each device; only the configured device's engine is used."""

    cpu: CpuEngine = CpuEngine()
    """Engine of the CPU."""
    cuda: GpuEngine = GpuEngine()
    """Engine of a GPU."""
