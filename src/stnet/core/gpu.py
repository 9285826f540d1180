"""Choose the GPU for a job; Snakemake only limits how many are in use."""

import hashlib
import logging
import os
import re
import subprocess
import time
from contextlib import ExitStack
from glob import glob
from pathlib import Path

from stnet.core.errors import InputError
from stnet.core.locks import held

logger = logging.getLogger(__name__)

# Seconds between two attempts of the first in the queue to lock a free GPU.
PATIENCE = 0.5
# Seconds for nvidia-smi, which first starts the driver.
SMI_SECONDS = 60
# The same for all users of the machine, whatever their TMPDIR.
LOCKS = Path("/tmp")
# The locks on GPUs, held until the process ends.
_leased = ExitStack()
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
    all if it is not set. The first one that no other job on this machine holds becomes the only
    visible GPU, and the log names it. Jobs with the same candidates get them in the order in which
    they came.

    Returns:
        "cuda", torch's name of the device. It is not tested here.

    Raises:
        InputError: a lock cannot be opened.

    Source: ours.
    """
    gpus = visible_gpus()
    if gpus:
        of_these = hashlib.sha256(",".join(sorted(gpus)).encode()).hexdigest()[:16]
        with ExitStack() as turn:
            # Only the first in the kernel's queue looks for a free GPU.
            is_first = _lock(turn, f"queue-{of_these}", wait=False)
            if is_first and _take_one(gpus):
                return "cuda"
            logger.info(f"all GPUs are in use ({len(gpus)}): waiting for one")
            if not is_first:
                _lock(turn, f"queue-{of_these}", wait=True)
            while not _take_one(gpus):
                time.sleep(PATIENCE)
    return "cuda"


def visible_gpus() -> list[str]:
    """The GPUs that CUDA may show, in order, by UUID; by number where nvidia-smi does not answer.

    As CUDA does, an invalid entry of CUDA_VISIBLE_DEVICES ends the list. Numbers are those of
    nvidia-smi. A GPU that is divided (MIG) stands for its parts.

    Source: ours.
    """
    cards = _cards()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        numbers = range(len(glob("/dev/nvidia[0-9]*")))
        return [gpu for card in cards for gpu in card[1:] or card] or list(map(str, numbers))
    gpus = []
    for name in map(str.strip, given.split(",")):
        if re.fullmatch("[0-9]{1,9}", name):
            found = cards[int(name) : int(name) + 1] if cards else [[str(int(name))]]
        elif name.startswith("GPU-"):
            # The beginning of a UUID is enough.
            found = [card for card in cards if card[0].startswith(name)] if cards else [[name]]
        else:
            is_part = name.startswith("MIG-")
            parts = [part for card in cards for part in card[1:] if part.startswith(name)]
            found = [[part] for part in parts or [name]] if is_part else []
        if len(found) != 1:
            break
        # Of a divided GPU that is named as a whole, CUDA shows the first part.
        gpus += (found[0][1:] or found[0])[:1]
    return list(dict.fromkeys(gpus))


def why_no_gpu() -> str:
    """Why CUDA can have no GPU on this machine, as the end of a sentence; "" if it may have one.

    It is meant to be cheap and never wrong about a machine with a GPU: a card without a driver
    passes, because the driver may create its devices on their first use. Only `start` knows.

    Source: ours.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None and given.split(",")[0].strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={given} hides every GPU"
    vendors = (Path(path) for path in glob("/sys/bus/pci/devices/*/vendor"))
    if any(map(glob, TRACES)) or any(each.read_text().strip() == NVIDIA for each in vendors):
        return ""
    return "this machine has no GPU"


def _cards() -> list[list[str]]:
    """UUIDs of each GPU of this machine, in nvidia-smi's order, and of its parts."""
    try:
        said = subprocess.run(
            ["nvidia-smi", "-L"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SMI_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    cards: list[list[str]] = []
    for uuid in re.findall(r"\(UUID: ((?:GPU|MIG)-[^)\s]+)\)", said.stdout):
        if uuid.startswith("GPU-") or not cards:
            cards.append([])
        cards[-1].append(uuid)
    return cards


def _take_one(gpus: list[str]) -> bool:
    for gpu in gpus:
        if _lock(_leased, gpu, wait=False):
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            logger.info(f"computes on GPU {gpu}")
            return True
    return False


def _lock(until: ExitStack, name: str, *, wait: bool) -> bool:
    """Lock a GPU or a queue of this machine; False if another process holds it."""
    path = LOCKS / f"stnet-gpu-{name}.lock".replace("/", "-")
    try:
        until.enter_context(held(path, wait=wait, by_all=True))
    except BlockingIOError:
        return False
    except OSError as error:
        raise InputError(
            f"{path}: cannot be locked ({os.strerror(error.errno)}); remove it, or ask its owner to"
        ) from error
    return True
