"""One training run: the epochs of one network on one set of spots."""

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from stnet.models.architectures import build_network, set_bias
from stnet.models.weights import load_weights
from stnet.training.standardisation import Standardisation
from stnet.training.symmetries import N_SYMMETRIES, apply_symmetry, augment

# A processor loses a third of its speed to page faults where activations outgrow the allocator's
# arena (DenseNet-121 at 224 px: 12 images/s in batches of 16, 8 of 64); a card needs large ones.
PREDICTION_BATCH = {"cpu": 16, "cuda": 256}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: the keys of an experiment that its weights depend on.

    `weights` is a path or None for random ones; the rest is as in the configuration's schema.
    """

    architecture: str
    architecture_options: dict
    weights: str | None
    loss: str
    learning_rate: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    inner_folds: int
    statistics_batches: int
    seed: int


@dataclass(frozen=True)
class Data:
    """Spots on a device: patches uint8 (spots, side, side, 3), targets float32 (spots, genes)."""

    patches: torch.Tensor
    targets: torch.Tensor

    def __post_init__(self):
        """Refuse patches and targets of different spots."""
        if len(self.patches) != len(self.targets):
            raise ValueError(f"{len(self.patches)} patches for {len(self.targets)} targets")

    def __getitem__(self, rows: torch.Tensor) -> "Data":
        """The spots of `rows`, an index tensor."""
        rows = rows.to(self.patches.device)
        return Data(self.patches[rows], self.targets[rows])

    def __len__(self) -> int:
        """Number of spots."""
        return len(self.patches)


class Run:
    """A network in training on `data`; `label` names the run in its random numbers and bars.

    The same recipe, data, label and number of threads give the same weights on the CPU.
    """

    def __init__(self, data: Data, recipe: Recipe, label: str):
        self.data, self.recipe, self.label = data, recipe, label
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed("initial weights"))
            network = build_network(
                recipe.architecture, recipe.architecture_options, data.targets.shape[1]
            )
        if recipe.weights is not None:
            load_weights(network, recipe.weights)
        set_bias(network, data.targets.mean(dim=0).cpu())
        self.network = network.to(data.patches.device, memory_format=torch.channels_last)
        self.standardise = Standardisation.of(self._statistics_patches())
        self.optimiser = torch.optim.SGD(
            self.network.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )

    def epochs(self, n_epochs: int) -> Iterator[dict]:
        """Train for `n_epochs`, yielding after each its number, mean training loss and seconds.

        The loss reported is the squared error per spot and gene, as met during the epoch.
        """
        for epoch in range(1, n_epochs + 1):
            started = time.monotonic()
            loss = self._train_epoch(epoch, n_epochs)
            yield {
                "epoch": epoch,
                "train_loss": loss,
                "seconds": round(time.monotonic() - started, 3),
            }

    def _train_epoch(self, epoch: int, n_epochs: int) -> float:
        generator = torch.Generator().manual_seed(self._seed(f"epoch {epoch}"))
        order = torch.randperm(len(self.data), generator=generator)
        self.network.train()
        total = 0.0
        progress = tqdm(
            total=len(self.data),
            desc=f"{self.label}: epoch {epoch} of {n_epochs}",
            unit="spot",
            mininterval=2,
            leave=False,
        )
        with progress, torch.random.fork_rng():
            torch.manual_seed(self._seed(f"dropout {epoch}"))
            for rows in order.split(self.recipe.batch_size):
                batch = self.data[rows]
                patches = augment(self.standardise(batch.patches), generator)
                loss = batch_loss(self.network(patches), batch.targets, self.recipe.loss)
                self.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                self.optimiser.step()
                total += loss.item() * (len(rows) if self.recipe.loss == "mean" else 1)
                progress.update(len(rows))
        return total / len(self.data)

    def _statistics_patches(self) -> np.ndarray:
        patches = self.data.patches
        if self.recipe.statistics_batches:
            generator = torch.Generator().manual_seed(self._seed("statistics"))
            n_spots = self.recipe.statistics_batches * self.recipe.batch_size
            patches = patches[torch.randperm(len(patches), generator=generator)[:n_spots]]
        return patches.cpu().numpy()

    def _seed(self, purpose: str) -> int:
        # Every epoch has its own stream, so that it does not depend on how many came before.
        return zlib.crc32(f"{self.recipe.seed} {self.label} {purpose}".encode())


def batch_loss(predicted: torch.Tensor, measured: torch.Tensor, reduction: str) -> torch.Tensor:
    """Squared error of a batch (spots, genes), averaged over genes, summed or averaged over spots.

    The paper minimises "the squared error for each of the genes"; the released code sums over the
    batch, which its learning rate of 1e-6 belongs to: averaging needs the rate times the batch.
    """
    per_spot = (predicted - measured).square().mean(dim=1)
    return per_spot.sum() if reduction == "sum" else per_spot.mean()


@torch.inference_mode()
def predict(
    network: nn.Module, standardise: Standardisation, patches: torch.Tensor, label: str
) -> torch.Tensor:
    """Predictions float32 (spots, genes): the mean over the eight symmetries of each patch.

    Methods: "During the test time, we averaged the eight symmetries". Patches are uint8
    (spots, side, side, 3) on the network's device.
    """
    network.eval()
    parts = []
    batch_size = PREDICTION_BATCH[patches.device.type]
    with tqdm(total=len(patches), desc=label, unit="spot", mininterval=2, leave=False) as progress:
        for batch in patches.split(batch_size):
            standard = standardise(batch)
            parts.append(
                torch.stack(
                    [network(apply_symmetry(standard, s)) for s in range(N_SYMMETRIES)]
                ).mean(dim=0)
            )
            progress.update(len(batch))
    return torch.cat(parts)
