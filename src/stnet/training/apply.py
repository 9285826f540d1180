"""The prediction job of a held-out group."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from stnet.config.engine import Engine
from stnet.config.memory import prediction_batch
from stnet.core.checksums import check_record, read_json
from stnet.core.errors import InputError
from stnet.core.hashing import file_sha256
from stnet.core.memory import within_memory
from stnet.expression.factors import are_factors, gene_targets, to_expression
from stnet.expression.held_out_job import HeldOutJob
from stnet.expression.predictions import write_predictions
from stnet.networks.architectures import build_network, keep_features
from stnet.networks.data import to_device
from stnet.networks.engine import Forward, place, start
from stnet.networks.prediction import PREDICTION_KEY, check_finite, predict
from stnet.networks.recolouring import recolour
from stnet.networks.standardisation import Standardisation
from stnet.networks.tensors import are_finite, read_tensors
from stnet.training.checkpoints import remove_checkpoints

# Spots per patient that stand for all of them, where more would take long and tell little.
SPREAD_SPOTS = 200


def load_model(
    model: str | Path, card: str | Path, device: str, held_out: str | None = None
) -> tuple[nn.Module, Standardisation, dict]:
    """A trained network on the CPU, its standardisation on `device`, and its model card.

    Raises InputError if a file is damaged, if the card is another model's, if both are of another
    held-out group than the given one, or if a weight is not finite.
    """
    known, state = read_json(card), read_tensors(model)
    if held_out not in (None, known["held_out"]):
        raise InputError(
            f"{model}: the model of held-out group {known['held_out']}, not of {held_out}; delete"
            f" it and {card} and rerun"
        )
    if file_sha256(model) != known["weights_sha256"]:
        raise InputError(f"{model}: not the model that {card} describes; delete both and rerun")
    if not are_finite(state):
        raise InputError(f"{model}: has weights that are infinite or not numbers; train it again")
    recipe = known["recipe"]
    network = build_network(
        recipe["architecture"], recipe["architecture_options"], len(known["outputs"])
    )
    network.load_state_dict(state)
    return network, Standardisation(known["mean"], known["sd"], device), known


def predict_held_out(
    inputs: Mapping[str, str | Path],
    output: str | Path,
    job: HeldOutJob,
    *,
    latent: bool,
    engine: Engine,
    device: str,
) -> None:
    """Predict the held-out sections with the model that never saw them; write `predictions.h5ad`.

    Predicted factors are mapped back to genes (`to_expression`). `obsm["factors"]` then has the
    factors themselves, (spots, factors). `layers["recoloured"]` has predictions of some spots of
    each patient in another stain (`recolour`), for intervals that hold in other laboratories; NaN
    of the other spots. To save time they are the predictions plus the change that recolouring makes
    to a patch that is not turned.

    Args:
        inputs: `index` of the view, `targets`, and the training job's `model` and `card`.
        output: predictions file (`write_predictions`).
        job: its held-out sections are predicted.
        latent: whether to write the inputs of the last layer to `obsm["latent"]`, float32 (spots,
            width), averaged over the eight symmetries like the predictions.
        engine: numerical settings of the device.
        device: `cpu` or `cuda`.

    Raises:
        InputError: no used spot in the held-out sections, or a model trained on other files.
    """
    start(device, job.threads)
    targets, model = inputs["targets"], inputs["model"]
    measured = job.read_targets(targets)
    measured = measured[job.is_held_out(measured)].copy()
    if not measured.n_obs:
        raise InputError(f"{targets}: held-out group {job.held_out} has no used spot")
    network, standardise, known = load_model(model, inputs["card"], device, job.held_out)
    if job.experiment != known["experiment"]:
        raise InputError(
            f"{model}: the model of experiment {known['experiment']}, not of {job.experiment};"
            f" delete it and {inputs['card']} and rerun"
        )
    genes = gene_targets(measured)
    for key, path in (("targets_sha256", targets), ("view_sha256", inputs["index"])):
        if known[key] != file_sha256(path):
            check_record(path)
            raise InputError(f"{model}: was trained on another version of {path}; train it again")
    data = to_device(inputs["index"], measured, device)
    if latent:
        keep_features(network)
    forward = place(network.eval(), engine, device)
    rows, label = torch.arange(measured.n_obs), f"{job.held_out}: predict"
    found = predict(forward, standardise, data.patches, rows, engine.prediction_batch, label)
    check_finite(found, model)
    predicted, features = np.split(found.cpu().numpy(), [measured.n_vars], axis=1)
    obsm = {"latent": features} if latent else {}
    some = spread_rows(measured.obs["patient"].to_numpy(str), np.full(measured.n_obs, True))
    changes = _changes(forward, standardise, data.patches[some], engine.prediction_batch)
    check_finite(changes, model)
    changed = predicted[some] + changes.cpu().numpy()[:, : measured.n_vars]
    if are_factors(measured):
        obsm["factors"] = predicted
        predicted, changed = (to_expression(each, measured) for each in (predicted, changed))
    recoloured = np.full_like(predicted, np.nan)
    recoloured[some] = changed
    provenance = {
        "experiment": job.experiment,
        "held_out": job.held_out,
        "training_sections": known["training_sections"],
        "validation_sections": known["validation_sections"],
        "epoch": known["epoch"],
        "epoch_rule": known["epoch_rule"],
        "initial_weights": known["initial_weights"],
        "initial_weights_sha256": known["initial_weights_sha256"],
        "weights_sha256": known["weights_sha256"],
        "seed": known["recipe"]["seed"],
        "device": known["device"],
        "threads": known["threads"],
        "training_code": known["code"],
        "engine": str(engine.model_dump()),
        "code": job.code,
        "versions": known["versions"],
    }
    write_predictions(output, genes, predicted, provenance, {"recoloured": recoloured}, obsm)
    # Snakemake starts this job only after it has confirmed the training job's outputs.
    remove_checkpoints(Path(model).parent)


def spread_rows(patients: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Rows of `among` (boolean), at most 200 evenly spaced ones over the spots of each patient."""
    parts = []
    for patient in np.unique(patients[among]):
        rows = np.flatnonzero(among & (patients == patient))
        parts.append(rows[np.linspace(0, len(rows) - 1, SPREAD_SPOTS).round().astype(int)])
    return np.unique(np.concatenate(parts))


@torch.inference_mode()
def _changes(
    forward: Forward, standardise: Standardisation, patches: torch.Tensor, batch_size: int
) -> torch.Tensor:
    """What recolouring adds to the outputs for patches (n, side, side, 3): (n, outputs)."""
    random, parts = np.random.default_rng(0), []
    batch_size = prediction_batch(batch_size, patches.shape[1])
    with within_memory(f"{batch_size} recoloured patches to predict", PREDICTION_KEY):
        for some in patches.split(batch_size):
            there = some.to(standardise.device)
            plain, changed = (
                forward(standardise(each)) for each in (there, recolour(there, random))
            )
            parts.append(changed - plain)
    return torch.cat(parts)
