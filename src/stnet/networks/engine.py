"""Numerical settings of a network on a device. They change speed and rounding only."""

import ctypes
import logging
import os
import shutil
from collections.abc import Callable

import torch
from torch import nn

from stnet.config.engine import Engine
from stnet.core.errors import InputError
from stnet.core.processor import has_bfloat16

logger = logging.getLogger(__name__)

# Parameters of mallopt(3) in glibc's <malloc.h>.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER = -1
TOP_PAD_BYTES = 64 * 2**20

# From float32 patches (n, 3, side, side) to float32 outputs (n, outputs).
Forward = Callable[[torch.Tensor], torch.Tensor]


def place(network: nn.Module, engine: Engine, device: str) -> Forward:
    """Move `network` to the device, in the engine's memory layout, and return its forward function.

    The returned function maps float32 patches (n, 3, side, side) to float32 (n, outputs). The
    network is changed in place and keeps the names of its parameters. Raises InputError if the
    engine needs a C++ compiler and there is none.
    """
    layout = torch.channels_last if engine.channels_last else torch.contiguous_format
    network.to(device, memory_format=layout)
    short = engine.precision == "tf32"
    # First the older flags: torch raises where a library reads them and they contradict the newer.
    torch.backends.cudnn.allow_tf32 = short
    torch.backends.cudnn.conv.fp32_precision = "tf32" if short else "ieee"
    # The matrix product of the last layer.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    compute = network
    if device == "cpu" and engine.precision == "bfloat16" and not has_bfloat16():
        logger.warning("this processor has no bfloat16: float32 would be several times as fast")
    if engine.compile:
        compiler = os.environ.get("CXX", "g++")
        if device == "cpu" and shutil.which(compiler) is None:
            raise InputError(
                f"engine.cpu.compile: no C++ compiler {compiler} on the path; install it or set"
                " compile: false"
            )
        # Results must not depend on what this process compiled before, so the cache is cleared and
        # each batch size gets its own code.
        torch.compiler.reset()
        compute = torch.compile(network, dynamic=False)

    def forward(patches: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=engine.precision == "bfloat16"):
            return compute(patches.contiguous(memory_format=layout))

    return forward


def start(device: str, threads: int) -> None:
    """Prepare this process for training or prediction on `cpu` or `cuda`. Call it once, first.

    Raises InputError if `device` is `cuda` and no GPU works.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    if device == "cuda":
        if not torch.cuda.is_available():
            raise InputError(
                "device: cuda is configured, but this machine has no working GPU; set device: cpu"
            )
        # All patches have the same size, so the fastest algorithms need to be found only once.
        torch.backends.cudnn.benchmark = True


def keep_freed_memory() -> None:
    """Make glibc keep freed memory instead of returning it to the kernel; else do nothing.

    By default glibc maps memory for each large activation anew, and the kernel zeroes its pages.
    That is a third of the time of a training step on the CPU.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, NEVER)
    mallopt(M_TOP_PAD, TOP_PAD_BYTES)
