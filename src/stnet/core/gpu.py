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

# Seconds between two looks for a free GPU.
PATIENCE = 0.5
# The locks of GPUs, held for as long as the process lives.
_leased = ExitStack()
# Where Slurm, PBS, LSF and Grid Engine write a job's id.
CLUSTER_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")


def lease_gpu() -> str:
    """Reserve a free GPU of this machine for this process; wait until there is one.

    Call it before CUDA is first used. Of the GPUs in CUDA_VISIBLE_DEVICES, or of all if it is not
    set, the first that no other job of this user holds becomes the only visible one. On a cluster
    two jobs may see different GPUs under the same number, so there the lock has the job's id too.
    Snakemake does not count jobs that download a slide first, so all GPUs may be in use: wait.

    Returns:
        "cuda", the device as torch names it; whether it works is for torch to say.

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
