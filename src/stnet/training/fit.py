"""The training job of a held-out group: inner runs, the choice of the epoch, the final run."""

import csv
from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import torch
from safetensors.torch import save

from stnet.config.recipe import Recipe
from stnet.config.split import inner_folds
from stnet.core.atomic import atomic_path, write_json
from stnet.core.errors import InputError
from stnet.core.hashing import file_sha256
from stnet.core.versions import versions
from stnet.expression.factors import gene_targets
from stnet.networks.data import Data, to_device
from stnet.networks.engine import start
from stnet.training.checkpoints import Checkpoints
from stnet.training.runs import Runs, Spots

DIVERGED = "learning_rate: training diverged, the loss is not finite; lower it"
HISTORY_COLUMNS = ["run", "epoch", "train_loss", "inner_loss"]
FINAL = "final"


def fit(
    index: str | Path,
    targets: str | Path,
    outputs: dict[str, str],
    *,
    held_out: str,
    held_out_sections: Sequence[str],
    recipe: Recipe,
    view: str,
    device: str,
    threads: int,
    code: str,
    tensorboard: Path | None = None,
) -> None:
    """Train on all sections but the held-out ones and write the model and how it came about.

    `index` is the view's, `targets` a file of `write_targets` or, for factors in place of genes, of
    `write_composition`. `outputs` names four files: `model` (safetensors, torchvision's layer
    names), `card` (JSON: what the model needs to be applied, and its provenance), `history` (TSV, a
    row a run and epoch; losses are squared errors per spot and gene) and `epoch` (JSON: the chosen
    epoch, by which rule, from which errors).

    A job that was killed goes on after its last epoch (`Checkpoints`), on the CPU with the same
    results bit for bit. The last checkpoint stays: whoever runs the job may be killed before it
    knows that the outputs are whole, and would have them made again. `tensorboard` is a folder for
    event files.
    """
    start(device, threads)
    data, measured = read_training_data(index, targets, held_out_sections, device)
    rows = measured.obs[["patient", "section"]].astype(str).drop_duplicates().to_dict("records")
    rule, folds = inner_folds(rows, recipe.inner_folds)
    sections = measured.obs["section"].to_numpy(str)
    provenance = {
        "held_out": held_out,
        "training_sections": list(dict.fromkeys(sections.tolist())),
        "view": view,
        "view_sha256": file_sha256(index),
        "targets_sha256": file_sha256(targets),
        "recipe": recipe.model_dump(),
        "initial_weights": Path(recipe.weights).name if recipe.weights else "random",
        "initial_weights_sha256": file_sha256(recipe.weights) if recipe.weights else "random",
        "code": code,
        "versions": versions("numpy", "torch", "torchvision", "anndata"),
    }
    # On a GPU the threads only feed it: what it computes does not depend on them.
    kept = {**provenance, "device": device}
    if device == "cpu":
        kept |= {"threads": threads, "processor": torch.backends.cpu.get_cpu_capability()}
    checkpoints = Checkpoints(Path(outputs["model"]).parent, kept)

    everything = torch.arange(measured.n_obs)
    inner = {}
    for number, fold in enumerate(folds):
        inside = torch.from_numpy(np.isin(sections, fold))
        inner[f"inner {number}"] = Spots(everything[~inside], everything[inside])
    spots = {**inner, FINAL: Spots(everything, everything[:0])}
    runs = Runs(data, recipe, held_out, spots, checkpoints, tensorboard)
    for name in inner:
        if runs.epochs_done(name) < recipe.epochs:
            runs.train(name, recipe.epochs)
    squared_errors = [runs.squared_errors(epoch) for epoch in range(1, recipe.epochs + 1)]
    epoch = choose_epoch(squared_errors) if folds else recipe.epochs
    final = runs.train(FINAL, epoch)
    if not np.isfinite(runs.history[-1]["train_loss"]):
        raise InputError(DIVERGED)

    state = {name: value.cpu().contiguous() for name, value in final.network.state_dict().items()}
    with atomic_path(outputs["model"]) as temporary:
        temporary.write_bytes(save(state))
    with (
        atomic_path(outputs["history"]) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(
            file, HISTORY_COLUMNS, extrasaction="ignore", delimiter="\t", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(runs.history)
    chosen = {
        "epoch": epoch,
        "rule": rule,
        "inner_folds": folds,
        "inner_loss": [error / measured.n_obs for error in squared_errors] if folds else [],
    }
    write_json(outputs["epoch"], chosen)
    genes = gene_targets(measured).var
    write_json(
        outputs["card"],
        {
            **provenance,
            "outputs": measured.var_names.tolist(),
            "genes": genes.index.tolist(),
            "symbols": genes["symbol"].tolist(),
            "mean": final.standardise.mean,
            "sd": final.standardise.sd,
            "transform": str(measured.uns["targets"]["transform"]),
            "universe": int(measured.uns["targets"]["universe"]),
            "gene_list_sha256": str(measured.uns["targets"]["gene_list_sha256"]),
            "weights_sha256": file_sha256(outputs["model"]),
            "epoch": epoch,
            "epoch_rule": rule,
            "device": str(torch.cuda.get_device_name()) if device == "cuda" else "cpu",
            "threads": threads,
        },
    )
    checkpoints.remove_old()


def choose_epoch(squared_errors: Sequence[float]) -> int:
    """The epoch, from 1, with the least squared error summed over the inner folds' predictions.

    Released code: errors are pooled over folds, not averaged fold by fold. The first of equals.
    """
    if not np.isfinite(squared_errors).any():
        raise InputError(DIVERGED)
    return int(np.nanargmin(squared_errors)) + 1


def read_training_data(
    index: str | Path, targets: str | Path, held_out_sections: Sequence[str], device: str
) -> tuple[Data, ad.AnnData]:
    """Training spots on the device, and their targets as AnnData. Raises InputError if none."""
    measured = ad.read_h5ad(targets)
    measured = measured[~measured.obs["section"].isin(held_out_sections).to_numpy()].copy()
    if not measured.n_obs:
        raise InputError(f"{targets}: nothing is left to train on beside the held-out sections")
    return to_device(index, measured, device), measured
