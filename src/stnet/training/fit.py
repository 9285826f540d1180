"""The training job of a held-out group: inner runs, the choice of the epoch, the final run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
import torch

from stnet.config.recipe import Recipe
from stnet.config.split import inner_folds
from stnet.core.checksums import write_json
from stnet.core.errors import InputError
from stnet.core.hashing import file_sha256
from stnet.core.tables import write_table
from stnet.core.versions import versions
from stnet.expression.factors import gene_targets
from stnet.expression.held_out_job import HeldOutJob
from stnet.networks.data import Data, to_device
from stnet.networks.engine import start
from stnet.networks.tensors import are_finite, write_tensors
from stnet.slides.patches import check_view
from stnet.training.checkpoints import Checkpoints
from stnet.training.run import Run
from stnet.training.runs import DIVERGED, Runs, Spots

HISTORY_COLUMNS = ["run", "epoch", "train_loss", "inner_loss"]
FINAL = "final"


class Inner(NamedTuple):
    """The inner folds of a job: the rule that split them, and the sections of each."""

    rule: str
    folds: list[list[str]]


class Choice(NamedTuple):
    """The number of epochs of the final run, and the inner runs' squared error at every epoch."""

    epoch: int
    squared_errors: list[float]


def fit(
    index: str | Path,
    targets: str | Path,
    outputs: Mapping[str, str],
    job: HeldOutJob,
    *,
    recipe: Recipe,
    view: str,
    device: str,
    tensorboard: Path | None = None,
) -> None:
    """Train on all sections except the held-out ones; write the model and its provenance.

    A job that was killed continues after its last finished epoch (`Checkpoints`), on the CPU with
    bitwise the same results. The last checkpoint stays: Snakemake may be killed before it has
    confirmed the outputs, and then it runs the job again.

    Args:
        index: index of the view.
        targets: a file of `write_targets` or, with factors instead of genes, of
            `write_composition`.
        outputs: four files: `model` (safetensors, torchvision's layer names), `card` (JSON: what
            it takes to apply the model, and its provenance), `history` (TSV, a row per run and
            epoch; losses are squared errors per spot and gene) and `epoch` (JSON: the chosen epoch,
            the rule and the errors).
        job: its held-out sections are not trained on.
        recipe: how the network is trained.
        view: name of the view.
        device: `cpu` or `cuda`.
        tensorboard: folder for event files, or None.

    Raises:
        InputError: no training spots, training diverged, or a file is another job's.
    """
    start(device, job.threads)
    check_view(index, view)
    data, measured = read_training_data(index, targets, job, device)
    inner = _inner(measured, recipe)
    provenance = _provenance(index, targets, measured, job, recipe, view)
    checkpoints = _checkpoints(outputs, provenance, device, job.threads)
    spots = _spots(measured, inner)
    runs = Runs(data, recipe, job.held_out, spots, checkpoints, tensorboard)
    choice = _train_inner(runs, spots, recipe)
    final = runs.train(FINAL, choice.epoch)
    _write_network(outputs["model"], final)
    write_table(pd.DataFrame(runs.history, columns=HISTORY_COLUMNS), outputs["history"])
    _write_epoch(outputs["epoch"], inner, choice, measured.n_obs)
    card = {
        "experiment": job.experiment,
        **provenance,
        **_what_it_predicts(measured),
        **{"mean": final.standardise.mean, "sd": final.standardise.sd},
        "weights_sha256": file_sha256(outputs["model"]),
        **{"epoch": choice.epoch, "epoch_rule": inner.rule},
        "validation_sections": [section for fold in inner.folds for section in fold],
        "device": str(torch.cuda.get_device_name()) if device == "cuda" else "cpu",
        "threads": job.threads,
    }
    write_json(outputs["card"], card)
    checkpoints.remove_old()


def _inner(measured: ad.AnnData, recipe: Recipe) -> Inner:
    rows = measured.obs[["patient", "section"]].astype(str).drop_duplicates().to_dict("records")
    return Inner(*inner_folds(rows, recipe.inner_folds))


def _provenance(
    index: str | Path,
    targets: str | Path,
    measured: ad.AnnData,
    job: HeldOutJob,
    recipe: Recipe,
    view: str,
) -> dict:
    """What the weights depend on, except the device."""
    sections = measured.obs["section"].to_numpy(str)
    return {
        "held_out": job.held_out,
        "training_sections": list(dict.fromkeys(sections.tolist())),
        "view": view,
        "view_sha256": file_sha256(index),
        "targets_sha256": file_sha256(targets),
        "recipe": recipe.model_dump(),
        "initial_weights": Path(recipe.weights).name if recipe.weights else "random",
        "initial_weights_sha256": file_sha256(recipe.weights) if recipe.weights else "random",
        "code": job.code,
        "versions": versions("numpy", "torch", "torchvision", "anndata"),
    }


def _checkpoints(
    outputs: Mapping[str, str], provenance: dict, device: str, threads: int
) -> Checkpoints:
    # On a GPU the results do not depend on the number of CPU threads.
    inputs = {**provenance, "device": device}
    if device == "cpu":
        inputs |= {"threads": threads, "processor": torch.backends.cpu.get_cpu_capability()}
    return Checkpoints(Path(outputs["model"]).parent, inputs)


def _spots(measured: ad.AnnData, inner: Inner) -> dict[str, Spots]:
    """Rows that each run trains on and leaves out: one inner run per fold, then the final run."""
    sections = measured.obs["section"].to_numpy(str)
    everything = torch.arange(measured.n_obs)
    spots = {}
    for number, fold in enumerate(inner.folds):
        inside = torch.from_numpy(np.isin(sections, fold))
        spots[f"inner {number}"] = Spots(everything[~inside], everything[inside])
    return {**spots, FINAL: Spots(everything, everything[:0])}


def _train_inner(runs: Runs, spots: Mapping[str, Spots], recipe: Recipe) -> Choice:
    """Train the inner runs and choose the epoch; without inner runs it is the last."""
    inner = [name for name in spots if name != FINAL]
    for name in inner:
        if runs.epochs_done(name) < recipe.epochs:
            runs.train(name, recipe.epochs)
    if not inner:
        return Choice(recipe.epochs, [])
    squared_errors = [runs.squared_errors(epoch) for epoch in range(1, recipe.epochs + 1)]
    return Choice(choose_epoch(squared_errors), squared_errors)


def _write_network(path: str, final: Run) -> None:
    state = {name: value.cpu().contiguous() for name, value in final.network.state_dict().items()}
    if not are_finite(state):
        raise InputError(DIVERGED)
    write_tensors(path, state)


def _write_epoch(path: str, inner: Inner, choice: Choice, n_spots: int) -> None:
    chosen = {
        "epoch": choice.epoch,
        "rule": inner.rule,
        "inner_folds": inner.folds,
        "inner_loss": [error / n_spots for error in choice.squared_errors],
    }
    write_json(path, chosen)


def _what_it_predicts(measured: ad.AnnData) -> dict:
    """The outputs of the network, the genes they stand for, and their units."""
    genes = gene_targets(measured).var
    return {
        "outputs": measured.var_names.tolist(),
        "genes": genes.index.tolist(),
        "symbols": genes["symbol"].tolist(),
        "transform": str(measured.uns["targets"]["transform"]),
        "universe": int(measured.uns["targets"]["universe"]),
        "gene_list_sha256": str(measured.uns["targets"]["gene_list_sha256"]),
    }


def choose_epoch(squared_errors: Sequence[float]) -> int:
    """The epoch, from 1, with the smallest squared error summed over all inner folds.

    Ties go to the first. Released code: errors are pooled over folds, not averaged per fold. Raises
    InputError if no error is finite.
    """
    if not np.isfinite(squared_errors).any():
        raise InputError(DIVERGED)
    return int(np.nanargmin(squared_errors)) + 1


def read_training_data(
    index: str | Path, targets: str | Path, job: HeldOutJob, device: str
) -> tuple[Data, ad.AnnData]:
    """Training spots on the device, and their targets. Raises InputError if there are none."""
    measured = job.read_targets(targets)
    measured = measured[~job.is_held_out(measured)].copy()
    if not measured.n_obs:
        raise InputError(f"{targets}: nothing is left to train on beside the held-out sections")
    return to_device(index, measured, device), measured
