"""Which card a job computes on: Snakemake counts the cards that jobs hold, and says not which."""

import fcntl
import os
import sys
import time
from glob import glob
from pathlib import Path
from tempfile import gettempdir

# Seconds between two looks for a free card.
PATIENCE = 0.5
# Where Slurm, PBS, LSF and Grid Engine write a job's id.
CLUSTER_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")


def lease_card() -> str:
    """Take a free card of this machine for this process, before CUDA is first used; wait for one.

    Of the cards in CUDA_VISIBLE_DEVICES, or of all where it is not set, the first that no other
    job of this user holds becomes the only visible one. A cluster gives jobs cards under numbers
    that its other jobs may have too, so there cards are told apart by the cluster's job as well.
    Jobs that do other work first, as those that download a slide, are not counted by Snakemake as
    holding a card: so a job may find them all held, and waits.

    Returns:
        "cuda", the device as torch names it; whether it works is for torch to say.

    Source: ours.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        cards = [str(number) for number in range(len(glob("/dev/nvidia[0-9]*")))]
    else:
        cards = [card.strip() for card in given.split(",") if card.strip()]
    if cards and not _take_one(cards):
        print(f"all cards are in use ({len(cards)}): waiting for one", file=sys.stderr)
        while not _take_one(cards):
            time.sleep(PATIENCE)
    return "cuda"


def _take_one(cards: list[str]) -> bool:
    cluster_job = next(filter(None, map(os.environ.get, CLUSTER_JOBS)), "")
    for card in cards:
        name = f"stnet-{os.getuid()}-card-{cluster_job}-{card}.lock".replace("/", "-")
        # Left open for as long as the process lives: the kernel frees the lock however it ends.
        lock = os.open(Path(gettempdir()) / name, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        os.environ["CUDA_VISIBLE_DEVICES"] = card
        return True
    return False
