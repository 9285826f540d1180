"""Which card a job computes on: Snakemake counts the cards that jobs hold, and says not which."""

import fcntl
import os
from glob import glob
from pathlib import Path
from tempfile import gettempdir

from stnet.core.errors import InputError


def lease_card() -> str:
    """Take a free card of this machine for this process, before CUDA is first used.

    Of the cards in CUDA_VISIBLE_DEVICES, or of all where it is not set, the first that no other
    job of this user holds becomes the only visible one. A single given card is taken as it is:
    that is what a cluster gives a job, under a number that other jobs may have too.

    Returns:
        "cuda", the device as torch names it; whether it works is for torch to say.

    Raises:
        InputError: all cards are held.

    Source: ours.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        cards = [str(number) for number in range(len(glob("/dev/nvidia[0-9]*")))]
    else:
        cards = [card.strip() for card in given.split(",") if card.strip()]
    if len(cards) < 2:
        return "cuda"
    for card in cards:
        name = f"stnet-{os.getuid()}-card-{card.replace('/', '-')}.lock"
        # Left open for as long as the process lives: the kernel frees the lock however it ends.
        lock = os.open(Path(gettempdir()) / name, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        os.environ["CUDA_VISIBLE_DEVICES"] = card
        return "cuda"
    raise InputError(f"all {len(cards)} cards are in use: limit the jobs with --resources gpu=…")
