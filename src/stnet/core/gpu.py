"""Choose the GPU for a job; Snakemake only limits how many are in use."""

import logging
import os
import time
from contextlib import ExitStack
from glob import glob
from pathlib import Path
from tempfile import gettempdir

from stnet.core.locks import held

logger = logging.getLogger(__name__)

# Seconds between two attempts to lock a free GPU.
PATIENCE = 0.5
# The locks on GPUs, held until the process ends.
_leased = ExitStack()
# Variables with a job's id in Slurm, PBS, LSF and Grid Engine.
CLUSTER_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
# Where a GPU shows: drivers of NVIDIA, also in containers and on Jetson, of WSL, and of AMD.
TRACES = (
    "/dev/nvidia*",
    "/proc/driver/nvidia",
    "/dev/nvhost*",
    "/dev/nvgpu*",
    "/dev/dxg",
    "/dev/kfd",
)
NVIDIA = "0x10de"  # as a vendor of PCI


def lease_gpu() -> str:
    """Reserve a free GPU of this machine for this process; wait until there is one.

    Call it before the first use of CUDA. The candidates are the GPUs in CUDA_VISIBLE_DEVICES, or
    all if it is not set. The first one that no other job of this user holds becomes the only
    visible GPU. On a cluster, two jobs may see different GPUs under the same number, so the name of
    the lock contains the job's id. Snakemake does not count jobs that first download a slide, so
    all GPUs may be in use.

    Returns:
        "cuda", torch's name of the device. It is not tested here.

    Source: ours.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        gpus = [str(number) for number in range(len(glob("/dev/nvidia[0-9]*")))]
    else:
        gpus = [gpu.strip() for gpu in given.split(",") if gpu.strip()]
    if gpus and not _take_one(gpus):
        logger.info(f"all GPUs are in use ({len(gpus)}): waiting for one")
        while not _take_one(gpus):
            time.sleep(PATIENCE)
    return "cuda"


def why_no_gpu() -> str:
    """Why CUDA can have no GPU on this machine, as the end of a sentence; "" if it may have one.

    It is meant to be cheap and never wrong about a machine with a GPU: a card without a driver
    passes, because the driver may create its devices on their first use. Only `start` knows.

    Source: ours.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None and given.strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={given} hides every GPU"
    vendors = (Path(path) for path in glob("/sys/bus/pci/devices/*/vendor"))
    if any(map(glob, TRACES)) or any(each.read_text().strip() == NVIDIA for each in vendors):
        return ""
    return "this machine has no GPU"


def _take_one(gpus: list[str]) -> bool:
    cluster_job = next(filter(None, map(os.environ.get, CLUSTER_JOBS)), "")
    for gpu in gpus:
        name = f"stnet-{os.getuid()}-gpu-{cluster_job}-{gpu}.lock".replace("/", "-")
        try:
            _leased.enter_context(held(Path(gettempdir()) / name, wait=False))
        except BlockingIOError:
            continue
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        return True
    return False
