"""A toy cohort of five patients, and training and prediction on it, in this process or others."""

import json
import logging
import os
import signal
import sys
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
from networks import PLAIN, recipe
from PIL import Image
from sections import section_file

from stnet.config.engine import Engine
from stnet.expression.held_out_job import HeldOutJob
from stnet.expression.targets import write_targets
from stnet.slides.patches import write_index, write_patches
from stnet.training import checkpoints, fit, run
from stnet.training.apply import predict_held_out

PATIENTS = ["A", "B", "C", "D", "E"]
OUTPUTS = {
    "model": "model.safetensors",
    "card": "model.json",
    "history": "history.tsv",
    "epoch": "epoch.json",
}


def make_cohort(folder):
    """Index and targets of a section for each patient, 6 spots each, 32-pixel patches."""
    random = np.random.default_rng(0)
    sections, patches = [], []
    for patient in PATIENTS:
        name = f"{patient}1"
        counts = random.poisson(5, (6, 8)) + 1
        genes = [f"g{i}" for i in range(8)]
        path = section_file(folder / f"{name}.h5ad", name, counts, genes, patient=patient)
        image = Image.fromarray(random.integers(0, 256, (200, 200, 3), dtype=np.uint8))
        image.save(folder / "image.png")
        write_patches(path, folder / "image.png", folder / f"{name}.npy", view="32x1")
        sections.append(path)
        patches.append(folder / f"{name}.npy")
    write_index(sections, patches, folder / "index.tsv", view="32x1")
    targets = folder / "targets.h5ad"
    write_targets(sections, targets, genes=5, transform="log_fraction")
    return folder / "index.tsv", targets


def train(cohort, folder, held_out=("A1",), threads=1, code="0" * 16, tensorboard=None, **changes):
    """Train with two inner folds of three epochs, or as `changes` say; paths of the outputs."""
    outputs = {name: f"{folder}/{file}" for name, file in OUTPUTS.items()}
    fit.fit(
        *cohort,
        outputs,
        HeldOutJob("toy", "A" if held_out else "all", held_out, threads, code),
        recipe=recipe(**{"inner_folds": 2, "epochs": 3, **changes}),
        view="32x1",
        device="cpu",
        tensorboard=tensorboard,
    )
    return outputs


def predict(cohort, folder, latent=False):
    """Predict the first patient with the model of `train`; the path of the predictions."""
    output = Path(folder) / "predictions.h5ad"
    predict_held_out(
        {
            **dict(zip(("index", "targets"), cohort, strict=True)),
            **{name: f"{folder}/{OUTPUTS[name]}" for name in ("model", "card")},
        },
        output,
        HeldOutJob("toy", "A", ["A1"], threads=1, code="1" * 16),
        latent=latent,
        engine=Engine(**PLAIN),
        device="cpu",
    )
    return output


def train_in_a_process(cohort, folder, log, killed_at=None, changes=None):
    """What a process of its own does: train, its messages in `log`, perhaps to a fixed point."""
    with open(log, "a", buffering=1) as file, redirect_stderr(file):
        logging.basicConfig(level=logging.INFO, force=True)
        if killed_at is not None:
            POINTS[killed_at]()
        train(cohort, folder, **(changes or {}))


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _in_the_second_epoch():
    """After the first batch of an epoch (12 spots in batches of 4), with the one before written."""
    own, calls, write = run.batch_loss, [], checkpoints.Checkpoints.write

    def write_now(self, checkpoint):
        write(self, checkpoint)
        self.wait()

    def batch_loss(*arguments):
        calls.append(1)
        if len(calls) == 5:
            _die()
        return own(*arguments)

    run.batch_loss, checkpoints.Checkpoints.write = batch_loss, write_now


def _in_a_checkpoint():
    """With the first checkpoint of the second run written by half."""
    own = checkpoints.atomic_path

    def atomic_path(path):
        if path.name.startswith("000004"):
            folder = path.parent / ".000004.safetensors.half_way"
            folder.mkdir()
            (folder / path.name).write_bytes(b"half")
            _die()
        return own(path)

    checkpoints.atomic_path = atomic_path


def _among_the_outputs():
    """With the model written, and not its card."""
    own = fit.write_json

    def write_json(path, value):
        if str(path).endswith(OUTPUTS["card"]):
            _die()
        own(path, value)

    fit.write_json = write_json


POINTS = {
    "in an epoch": _in_the_second_epoch,
    "in a checkpoint": _in_a_checkpoint,
    "among the outputs": _among_the_outputs,
}


def on_a_full_disk(cohort, disk):
    """Train on a file system that is too small, then read-only, then large; needs mount(2).

    Prints the messages, and the checkpoints that were left, as JSON.
    """
    said = []
    for options in ("size=130k", "remount,ro", "remount,rw,size=20m"):
        os.system(f"mount -t tmpfs -o {options} tmpfs {disk}")
        try:
            train(cohort, disk)
            message = None
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
        left = sorted(path.name for path in Path(disk).glob(".checkpoint/*/*"))
        said.append({"message": message, "left": left})
    predict(cohort, disk)
    kept = {name: (Path(disk) / name).read_bytes().hex() for name in OUTPUTS.values()}
    print(json.dumps({"said": said, "kept": kept}))


if __name__ == "__main__":
    index, targets, disk = sys.argv[1:]
    on_a_full_disk((index, targets), disk)
