"""How the arithmetic of a network is done, by device."""

from typing import Literal

from stnet.config.base import AtLeastOne, Keys


class Engine(Keys):
    """How the arithmetic is done on one device, without changing what is computed."""

    channels_last: bool = True
    """Whether the channels of a pixel lie together in memory; changes rounding only."""
    precision: Literal["float32", "tf32", "bfloat16"]
    """Of all layers but the last, which is float32; tf32 shortens the factors of a GPU's
    convolutions. Source: ours (the released code computes in float32, with TF32 where its PyTorch
    does)."""
    compile: bool = False
    """Whether torch.compile is used, which needs a C++ compiler; changes rounding only."""
    prediction_batch: AtLeastOne
    """Patches that are predicted at once; changes rounding only."""


class CpuEngine(Engine):
    """The engine of the CPU."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Of all layers but the last, which is always float32."""
    prediction_batch: AtLeastOne = 32
    """Patches that are predicted at once; changes rounding only."""


class GpuEngine(Engine):
    """The engine of a GPU."""

    precision: Literal["float32", "tf32", "bfloat16"] = "bfloat16"
    """Of all layers but the last, which is float32; tf32 shortens the factors of convolutions.
    Source: ours (the released code computes in float32, with TF32 where its PyTorch does)."""
    prediction_batch: AtLeastOne = 512
    """Patches that are predicted at once; changes rounding only."""


class Engines(Keys):
    """The engine of each device; only that of the configured device counts."""

    cpu: CpuEngine = CpuEngine()
    """On the CPU."""
    cuda: GpuEngine = GpuEngine()
    """On a GPU."""
