"""A trained model in two files that are enough to apply it to other images.

`{model}.safetensors` has the weights of the model's members, one network each, as `member/layer`.
Its metadata has the model card: input format, genes, and statistics of the training images. Model
`all` has one member, trained on all patients. `ensemble` has the networks of all held-out groups.
`{model}.genes.tsv` beside it has the reliability of the genes (`stnet.inference.model_genes`);
predictions do not depend on it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stnet.config.engine import Engine
from stnet.config.memory import prediction_batch
from stnet.core.checksums import read_json, recorded_path, sealed_json
from stnet.core.errors import InputError, reason_of
from stnet.core.h5ad import read_h5ad
from stnet.core.hashing import file_sha256
from stnet.core.memory import is_out_of_memory
from stnet.core.versions import versions
from stnet.evaluation.conformal import column
from stnet.expression.factors import are_factors
from stnet.inference.account import measured_range
from stnet.inference.card import CARD, read_card
from stnet.inference.gene_reliability import read_gene_reliability
from stnet.inference.training_distance import PatchStatistics, TrainingStatistics, stain
from stnet.networks.architectures import build_network, keep_features
from stnet.networks.engine import Forward, place, start
from stnet.networks.folding import fold
from stnet.networks.prediction import check_finite, predict
from stnet.networks.standardisation import Standardisation
from stnet.networks.symmetries import N_SYMMETRIES
from stnet.networks.tensors import tensors_sha256
from stnet.slides.patches import parse_view, read_chosen
from stnet.training.apply import load_model, spread_rows
from stnet.training.checkpoints import remove_checkpoints


def write_model(
    members: Mapping[str, tuple[str | Path, str | Path]],
    output: str | Path,
    *,
    about: Mapping[str, str],
    index: str | Path,
    targets: str | Path,
    engine: Mapping[str, dict],
    device: str,
    threads: int,
) -> None:
    """Write a model.

    Only the patches of the statistics are held, those of one more section while it is read, and on
    the device a batch.

    Args:
        members: weights and model card of each member's training job, by held-out group.
        output: safetensors.
        about: names of the `experiment` and of the `model`: `all`, `ensemble` or a held-out group.
        index: index of the view that the members were trained on.
        targets: a file of `write_targets` with the members' genes; it also has the scale of the
            cohort's images.
        engine: settings of `Engine` by device, `cpu` and `cuda`.
        device: `cpu` or `cuda`.
        threads: CPU threads.

    Raises:
        InputError: members predict different genes, or factors.

    Source: ours.
    """
    start(device, threads)
    measured = read_h5ad(targets)
    if are_factors(measured):
        raise InputError(
            f"{targets}: experiment {about['experiment']} predicts factors, and only networks of"
            " genes are applied to other images; name an experiment whose targets are genes"
        )
    sections, patients = (measured.obs[name].astype(str) for name in ("section", "patient"))
    trained_on = {
        name: sections.isin(read_json(card)["training_sections"]).to_numpy()
        for name, (_, card) in members.items()
    }
    chosen = {name: spread_rows(patients.to_numpy(), seen) for name, seen in trained_on.items()}
    rows = np.unique(np.concatenate(list(chosen.values())))
    patches = torch.from_numpy(read_chosen(index, sections, measured.obs_names[rows]))
    stains, patients = stain(patches), patients.to_numpy()[rows]
    spatial = measured.uns["spatial"]
    scales = {name: float(spatial[name]["metadata"]["um_per_px"]) for name in spatial}
    state: dict[str, torch.Tensor] = {}
    cards: dict[str, dict] = {}
    for name, (network_file, card_file) in members.items():
        network, standardise, known = load_model(network_file, card_file, device, name)
        if known["genes"] != measured.var_names.tolist():
            raise InputError(
                f"{network_file}: predicts other genes than {targets} has; an ensemble needs"
                " targets whose choice is cohort"
            )
        state |= {f"{name}/{k}": value.contiguous() for k, value in network.state_dict().items()}
        keep_features(network)
        forward = place(network.eval(), Engine(**engine[device]), device)
        own = np.searchsorted(rows, chosen[name])
        batch, label = engine[device]["prediction_batch"], f"{name}: training patches"
        found = predict(forward, standardise, patches, torch.from_numpy(own), batch, label)
        latent = found[:, measured.n_vars :].cpu().numpy()
        downsampling = parse_view(known["view"])[1]
        reference = TrainingStatistics(
            float(np.mean([scales[section] for section in known["training_sections"]]))
            * downsampling,
            PatchStatistics.of(stains[own], patients[own], correlated=True),
            PatchStatistics.of(latent, patients[own]),
        )
        cards[name] = {
            **known,
            "reference": reference.to_card(),
            "tensors_sha256": tensors_sha256(network.state_dict()),
        }
    seen = np.any(list(trained_on.values()), axis=0)
    card = {
        **about,
        "genes": _names(measured.var) | measured_range(np.asarray(measured.X)[seen]),
        "engine": dict(engine),
        "members": cards,
    }
    content = save(state, {CARD: sealed_json(card)})
    with recorded_path(output) as temporary:
        temporary.write_bytes(content)
    # The training jobs' outputs are now confirmed.
    for network_file, _ in members.values():
        remove_checkpoints(Path(network_file).parent)


class ModelOutput(NamedTuple):
    """Output of a model for n patches.

    `predicted` is (n, genes) in target units, float32. `sd` is the s.d. over the members of an
    ensemble, None for a single network; `symmetry_sd` that over the eight symmetries of the patch,
    of an ensemble the mean of its members'. `stain` and `latent` (n,) are the distances from the
    training patches, relative to the farthest training patient; `ood_score` (n,) is the larger of
    the two relative to the limit within which nearly all training patches are (`is_far`). These are
    NaN if unknown.
    """

    predicted: np.ndarray
    sd: np.ndarray | None
    symmetry_sd: np.ndarray
    stain: np.ndarray
    latent: np.ndarray
    ood_score: np.ndarray


class _Member(NamedTuple):
    forward: Forward
    standardise: Standardisation
    reference: TrainingStatistics


class Model:
    """A model of `write_model`, loaded on a device; `genes` has a row per gene."""

    def __init__(
        self,
        path: str | Path,
        *,
        device: str,
        threads: int,
        code: str,
        reliability: str | Path | None,
        level: float | None = None,
        precision: str | None = None,
    ):
        """Read a model.

        Args:
            path: safetensors.
            device: `cpu` or `cuda`.
            threads: CPU threads.
            code: digest of the job's code, for the provenance of predictions.
            reliability: table of `write_gene_reliability`, or None.
            level: one of `stnet.config.levels.LEVELS`, of intervals by this table; None for none.
            precision: of all layers but the last, in place of that in the card.

        Raises:
            InputError: a file is missing, damaged or not a model.
        """
        self._path = path = Path(path)
        self.card = read_card(path)
        start(device, threads)
        self.device, self.threads, self._code = device, threads, code
        self._level = level
        self._weights_sha256 = file_sha256(path)
        self.genes = pd.DataFrame(self.card["genes"]).set_index("gene")
        if reliability is not None:
            reliable = read_gene_reliability(reliability, self._weights_sha256)
            self.genes = self.genes.join(reliable.reindex(self.genes.index))
        keys = self.card["engine"][device]
        self._engine = Engine(**{**keys, "precision": precision or keys["precision"]})
        self._batch = self._engine.prediction_batch
        self._members = list(self._read_members(path))
        one = next(iter(self.card["members"].values()))
        self.window, self.downsampling = parse_view(one["view"])
        self.transform, self.universe = one["transform"], one["universe"]

    @property
    def side(self) -> int:
        """Side of the network's training patches, in pixels."""
        return self.window // self.downsampling

    @property
    def um_per_px(self) -> float:
        """Micrometres per pixel of the training patches, the mean over sections."""
        return float(np.mean([member.reference.um_per_px for member in self._members]))

    @property
    def is_ensemble(self) -> bool:
        """Whether the predictions of several networks are averaged."""
        return len(self._members) > 1

    def batch(self, side: int) -> int:
        """How many patches of a side are predicted at once."""
        return prediction_batch(self._batch, side)

    def apply(self, patches: np.ndarray) -> ModelOutput:
        """Predict patches uint8 (n, side, side, 3) of any side, averaged over the symmetries."""
        on_device = torch.tensor(patches, device=self.device)
        stains = stain(on_device)
        n_genes, rows = len(self.genes), torch.arange(len(patches))
        centre = self.genes[["trained_low", "trained_high"]].mean(axis=1).to_numpy(np.float32)
        predicted, symmetry_sd, far = [], [], []
        for forward, standardise, reference in self._members:
            with_squares = _with_squares(forward, torch.from_numpy(centre).to(self.device))
            found = predict(with_squares, standardise, on_device, rows, self._batch, "")
            check_finite(found, self._path)
            mean, latent, squares = np.split(found.cpu().numpy(), [n_genes, -n_genes], axis=1)
            predicted.append(mean)
            variance = np.maximum(squares - np.square(mean - centre), 0)
            symmetry_sd.append(np.sqrt(variance * N_SYMMETRIES / (N_SYMMETRIES - 1)))
            far.append([reference.stain.relative(stains), reference.latent.relative(latent)])
        sd = np.std(predicted, axis=0, ddof=1) if len(predicted) > 1 else None
        mean = np.mean(predicted, axis=0) if len(predicted) > 1 else predicted[0]
        distances = np.mean(far, axis=0)
        ood_score = np.fmax(*distances[:, 1]).astype(np.float32)
        return ModelOutput(mean, sd, np.mean(symmetry_sd, axis=0), *distances[:, 0], ood_score)

    def bounds(self, predicted: np.ndarray, unknown: np.ndarray) -> dict[str, np.ndarray]:
        """Layers `lower` and `upper` (patches, genes) of predictions; none without a level.

        They are NaN for the `unknown` patches (n,), and where the table has no half-width.
        """
        if self._level is None:
            return {}
        half = self.genes[column(self._level)].to_numpy(dtype=np.float32)
        centre = np.where(unknown[:, None], np.float32(np.nan), predicted)
        return {"lower": centre - half, "upper": centre + half}

    def provenance(self) -> dict:
        """Provenance of predictions by this model."""
        members = self.card["members"]
        one = next(iter(members.values()))
        weights = sorted({member["initial_weights"] for member in members.values()})
        return {
            "experiment": self.card["experiment"],
            "model": self.card["model"],
            "members": list(members),
            "epochs": [member["epoch"] for member in members.values()],
            "initial_weights": ", ".join(weights),
            "weights_sha256": self._weights_sha256,
            "gene_list_sha256": one["gene_list_sha256"],
            # Folded (`stnet.networks.folding`), unlike predictions of held-out spots.
            "engine": str({**self._engine.model_dump(), "folded": True}),
            "device": torch.cuda.get_device_name() if self.device == "cuda" else "cpu",
            "threads": self.threads,
            "code": self._code,
            "versions": versions("numpy", "torch", "torchvision", "openslide-python", "pillow"),
            "training_versions": one["versions"],
            **({} if self._level is None else {"level": self._level}),
        }

    def _read_members(self, weights: Path):
        try:
            with safe_open(weights, framework="pt") as file:
                names = list(file.keys())
                for name, card in self.card["members"].items():
                    prefix = f"{name}/"
                    state = {
                        key.removeprefix(prefix): file.get_tensor(key)
                        for key in names
                        if key.startswith(prefix)
                    }
                    if tensors_sha256(state) != card["tensors_sha256"]:
                        raise InputError(
                            f"{weights}: damaged (member {name} has other weights than its card"
                            " says); fetch it again"
                        )
                    recipe = card["recipe"]
                    network = build_network(
                        recipe["architecture"], recipe["architecture_options"], len(self.genes)
                    )
                    network.load_state_dict(state)
                    keep_features(network)
                    yield _Member(
                        place(fold(network.eval()), self._engine, self.device),
                        Standardisation(card["mean"], card["sd"], self.device),
                        TrainingStatistics.from_card(card["reference"]),
                    )
        except (SafetensorError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise InputError(
                f"{weights}: cannot be loaded ({reason_of(error)}); fetch it again"
            ) from error


def _with_squares(forward: Forward, centre: torch.Tensor) -> Forward:
    """`forward` with further outputs, averaged like its own: squares of the first minus `centre`.

    The centre (genes,) is near the outputs, because a variance of 1e-4 is lost in the rounding of
    the square of -10.
    """

    def outputs(patches: torch.Tensor) -> torch.Tensor:
        found = forward(patches)
        return torch.cat([found, (found[:, : len(centre)] - centre).square()], dim=1)

    return outputs


def _names(var: pd.DataFrame) -> dict[str, list[str]]:
    """Ids, symbols and Ensembl ids of the genes."""
    return {"gene": var.index.tolist()} | {
        name: var[name].astype(str).tolist() for name in ("symbol", "ensembl")
    }
