"""Checkpoints of a training job: what it has done so far, after every epoch.

They lie in `.checkpoint/{key}/` beside the job's outputs, which Snakemake removes before it runs a
job again; these it does not know. The key is a hash of all that the weights depend on.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError

FOLDER = ".checkpoint"
# The newest, and the one before in case the newest cannot be read.
KEPT = 2


class Checkpoint(NamedTuple):
    """The history so far, a dict an epoch, and the state of the run of its last epoch."""

    history: list[dict]
    state: dict[str, torch.Tensor]


class Checkpoints:
    """The checkpoints of one job: `inputs` is all that its weights depend on, as JSON has it."""

    def __init__(self, folder: Path, inputs: dict):
        self.key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
        self._root = folder / FOLDER
        self._folder = self._root / self.key

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole and of this job, or None.

        One that is neither is named on standard error, and the epoch before it is taken.
        """
        for path in sorted(self._root.glob("*")):
            if path != self._folder:
                print(
                    f"{path}: checkpoints of another configuration, code or input; not used",
                    file=sys.stderr,
                )
        for half_written in self._folder.glob(".*"):
            shutil.rmtree(half_written, ignore_errors=True)
        for path in reversed(self._files()):
            try:
                return self._read(path)
            except (SafetensorError, OSError, ValueError) as error:
                print(f"{path}: not used: {error}", file=sys.stderr)
        return None

    def write(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint of an epoch, then remove all but the newest two.

        Raises InputError if it cannot be written; the ones before stay as they are.
        """
        path = self._folder / f"{len(checkpoint.history):06d}.safetensors"
        state = {name: value.cpu().contiguous() for name, value in checkpoint.state.items()}
        said = {"key": self.key, "history": json.dumps(checkpoint.history)}
        content = save(state, {**said, "sha256": _digest(said, state)})
        try:
            with atomic_path(path) as temporary:
                temporary.write_bytes(content)
            for old in self._files()[:-KEPT]:
                old.unlink()
        except OSError as error:
            raise InputError(
                f"{path}: the checkpoint cannot be written ({error.strerror or error}); mend this"
                " and start again: training goes on after the last epoch that was"
            ) from error

    def remove(self) -> None:
        """Remove all checkpoints of the job, those of other keys too."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.safetensors"))

    def _read(self, path: Path) -> Checkpoint:
        with safe_open(path, framework="pt") as file:
            said = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest = said.pop("sha256", None)
        if said.get("key") != self.key:
            raise ValueError("it is of another configuration, code or input")
        if digest != _digest(said, state):
            raise ValueError("its content is not what was written")
        return Checkpoint(json.loads(said["history"]), state)


def _digest(said: dict[str, str], state: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for part in _parts(state):
        digest.update(part)
    return digest.hexdigest()


def _parts(state: dict[str, torch.Tensor]) -> Iterator[bytes]:
    for name in sorted(state):
        yield f"{name} {state[name].dtype} {tuple(state[name].shape)}".encode()
        yield state[name].numpy()
