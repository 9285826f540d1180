"""Checkpoints of a training job, one after every epoch.

They are in `.checkpoint/{key}/` beside the job's outputs. Snakemake removes declared outputs before
it reruns a job; checkpoints are not declared, so they survive. The key is a hash of everything that
the weights depend on, and that is also written into every checkpoint.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stnet.core.atomic import atomic_path
from stnet.core.checksums import json_sha256
from stnet.networks.tensors import tensors_sha256

logger = logging.getLogger(__name__)

FOLDER = ".checkpoint"
# The newest, and the previous one in case the newest cannot be read.
KEPT = 2
# What the key is a hash of.
WHAT = "configuration, code, input, package version, device or (on the CPU) number of threads"


class Checkpoint(NamedTuple):
    """The history so far, one dict per epoch, and the state of the run after its last epoch."""

    history: list[dict]
    state: dict[str, torch.Tensor]


class Checkpoints:
    """The checkpoints of one job. `inputs` is everything its weights depend on, as JSON values."""

    def __init__(self, folder: Path, inputs: dict):
        self._inputs = json.dumps(inputs, sort_keys=True)
        self.key = hashlib.sha256(self._inputs.encode()).hexdigest()[:16]
        self._root = folder / FOLDER
        self._folder = self._root / self.key
        self._writer = ThreadPoolExecutor(max_workers=1)
        self._written: Future | None = None

    def newest(self) -> Checkpoint | None:
        """The newest intact checkpoint of this job, or None.

        A damaged checkpoint or one of another job gives a warning, and the previous one is tried.
        """
        self.wait()
        for path in sorted(self._root.glob("*")):
            if path != self._folder:
                logger.warning(f"{path}: checkpoints of another {WHAT}; not used")
        for path in reversed(self._files()):
            try:
                return self._read(path)
            except (SafetensorError, OSError, ValueError) as error:
                logger.warning(f"{path}: not used: {error}")
        return None

    def write(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint of an epoch while the next one is trained.

        All but the newest two are removed. Raises InputError if the one before could not be
        written. Earlier ones stay, and the next attempt continues from them.
        """
        self.wait()
        # Training goes on changing its own tensors.
        state = {
            name: value.detach().to("cpu", copy=True).contiguous()
            for name, value in checkpoint.state.items()
        }
        history = json.dumps(checkpoint.history)
        number = len(checkpoint.history)
        self._written = self._writer.submit(self._write, number, history, state)

    def wait(self) -> None:
        """Wait until the last checkpoint is written. Raises InputError if it could not be."""
        written, self._written = self._written, None
        if written:
            written.result()

    def _write(self, number: int, history: str, state: dict[str, torch.Tensor]) -> None:
        path = self._folder / f"{number:06d}.safetensors"
        metadata = {"key": self.key, "inputs": self._inputs, "history": history}
        content = save(state, {**metadata, "sha256": _digest(metadata, state)})
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
        for old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)

    def remove_old(self) -> None:
        """Remove all checkpoints except the newest, including those of other keys."""
        self.wait()
        for path in self._root.glob("*"):
            if path != self._folder:
                shutil.rmtree(path, ignore_errors=True)
        for old in self._files()[:-1]:
            old.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.safetensors"))

    def _read(self, path: Path) -> Checkpoint:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest = metadata.pop("sha256", None)
        if metadata.get("key") != self.key:
            raise ValueError(f"it is of another {WHAT}")
        if digest != _digest(metadata, state):
            raise ValueError("its checksum does not match its content")
        return Checkpoint(json.loads(metadata["history"]), state)


def checkpoints(folder: Path) -> Iterator[tuple[int, dict]]:
    """The readable checkpoints of the job whose outputs are in `folder`.

    Yields the number of epochs over all runs of the job, and the `inputs` of the checkpoint.
    """
    for path in folder.glob(f"{FOLDER}/*/*.safetensors"):
        try:
            with safe_open(path, framework="pt") as file:
                number, inputs = int(path.stem), json.loads(file.metadata()["inputs"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            continue
        yield number, inputs


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints of the job whose outputs are in `folder`."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _digest(metadata: dict[str, str], state: dict[str, torch.Tensor]) -> str:
    return json_sha256({**metadata, "tensors": tensors_sha256(state)})
