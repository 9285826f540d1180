"""How the arithmetic of a network is done on a device, without changing what is computed."""

import ctypes
import os
import shutil
from collections.abc import Callable

import torch
from torch import nn

from stnet.config.engine import Engine
from stnet.core.errors import InputError

# Parameters of mallopt(3) in glibc's <malloc.h>.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER = -1
TOP_PAD_BYTES = 64 * 2**20

# From float32 patches (n, 3, side, side) to float32 outputs (n, outputs).
Forward = Callable[[torch.Tensor], torch.Tensor]


def place(network: nn.Module, engine: Engine, device: str) -> Forward:
    """Move `network` to the device, in the engine's layout, and return what computes its outputs.

    The returned function takes float32 patches (n, 3, side, side) and gives float32 (n, outputs);
    the network itself is changed in place and keeps its parameters' names. Raises InputError where
    the CPU has no compiler.
    """
    layout = torch.channels_last if engine.channels_last else torch.contiguous_format
    network.to(device, memory_format=layout)
    short = "tf32" if engine.precision == "tf32" else "ieee"
    torch.backends.cudnn.conv.fp32_precision = short
    # The last layer's product.
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    compute = network
    if engine.compile:
        compiler = os.environ.get("CXX", "g++")
        if device == "cpu" and shutil.which(compiler) is None:
            raise InputError(f"engine.cpu.compile: no C++ compiler {compiler} is on the path")
        # Nothing is left of other networks, and each size of batch has its own code: what an
        # epoch computes must not depend on what this process compiled before.
        torch.compiler.reset()
        compute = torch.compile(network, dynamic=False)

    def forward(patches: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=engine.precision == "bfloat16"):
            return compute(patches.contiguous(memory_format=layout))

    return forward


def start(device: str, threads: int) -> None:
    """Prepare this process for training or prediction on `cpu` or `cuda`, once and first of all.

    Raises InputError where `cuda` is asked for and no GPU works.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    if device == "cuda":
        if not torch.cuda.is_available():
            raise InputError(
                "device: cuda is configured and no CUDA device is here; set device: cpu"
            )
        # Patches have one size: the fastest algorithms found for the first batch serve all.
        torch.backends.cudnn.benchmark = True


def keep_freed_memory() -> None:
    """Let glibc keep what is freed instead of giving it back to the kernel (Linux; else nothing).

    Activations are larger than what glibc takes from its own heap, so every one is mapped anew and
    zeroed page by page: a third of the time of a training step on the CPU.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, NEVER)
    mallopt(M_TOP_PAD, TOP_PAD_BYTES)
