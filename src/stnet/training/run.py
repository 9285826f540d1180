"""One training run: the epochs of one network on one set of spots."""

import zlib

import torch

from stnet.config.recipe import Recipe
from stnet.core.errors import InputError, reason_of
from stnet.core.memory import within_memory
from stnet.networks.architectures import build_network, check_side, freeze, head_name, set_bias
from stnet.networks.data import Data
from stnet.networks.engine import place
from stnet.networks.prediction import predict, progress_bar
from stnet.networks.standardisation import IMAGENET_MEAN, IMAGENET_SD, Standardisation
from stnet.networks.symmetries import N_SYMMETRIES, augment
from stnet.networks.weights import load_weights

# PyTorch's default, as in Adam's paper. The first beta is the recipe's momentum, 0.9 in both.
ADAM_BETA_2 = 0.999


class Run:
    """A network in training on the spots `rows` of `data`.

    `rows` is an integer tensor (training spots,). `label` seeds the random numbers and names the
    progress bars. On the CPU the same recipe, data, rows, label and number of threads give the same
    weights.
    """

    def __init__(self, data: Data, rows: torch.Tensor, recipe: Recipe, label: str):
        self.data, self.rows, self.recipe, self.label = data, rows, recipe, label
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed("initial weights"))
            self.network = build_network(
                recipe.architecture, recipe.architecture_options, data.targets.shape[1]
            )
            if recipe.head == "random":
                self.network.get_submodule(head_name(self.network)).reset_parameters()
        check_side(self.network, recipe.architecture, data.patches.shape[1])
        if recipe.weights is not None:
            load_weights(self.network, recipe.weights)
        if recipe.head == "mean":
            set_bias(self.network, data.targets.cpu()[rows].mean(dim=0))
        self.trained = freeze(self.network, recipe.trained)
        self.forward = place(self.network, recipe.engine, data.device)
        self.standardise = self._standardisation()
        self.optimiser = self._optimiser()

    def train_epoch(self, epoch: int) -> float:
        """Train on every spot once; `epoch`, from 1, determines the order and the symmetries.

        Returns the mean training error: squared error per spot and gene, while weights change.
        """
        # Every epoch has its own random stream, so that resuming does not change it.
        stream = torch.Generator().manual_seed(self._seed(f"epoch {epoch}"))
        order = self.rows[torch.randperm(len(self.rows), generator=stream)].to(self.data.device)
        drawn = torch.randint(N_SYMMETRIES, order.shape, generator=stream).to(self.data.device)
        # Summed on the device: reading it after every batch would stall a GPU.
        total = torch.zeros((), dtype=torch.float64, device=self.data.device)
        self.network.eval()
        for module in self.trained:
            module.train()
        with (
            progress_bar(len(order), f"{self.label}: epoch {epoch}") as progress,
            torch.random.fork_rng(),
            within_memory(self._work, "batch_size of the experiment"),
        ):
            torch.manual_seed(self._seed(f"dropout {epoch}"))
            size = self.recipe.batch_size
            for rows, symmetries in zip(order.split(size), drawn.split(size), strict=True):
                patches = self.standardise(augment(self.data.patches[rows], symmetries))
                predicted = self._forward(patches)
                loss = batch_loss(predicted, self.data.targets[rows], self.recipe.loss)
                self.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                self.optimiser.step()
                total += loss.detach() * (len(rows) if self.recipe.loss == "mean" else 1)
                progress.update(len(rows))
        return total.item() / len(order)

    @property
    def _work(self) -> str:
        side = self.data.patches.shape[1]
        return f"a batch of {self.recipe.batch_size} patches of {side} px to train on"

    def _forward(self, patches: torch.Tensor) -> torch.Tensor:
        try:
            return self.forward(patches)
        except ValueError as error:  # batch norm has a single value of a channel
            raise InputError(
                f"batch_size: {self.recipe.architecture} cannot be trained on a batch of"
                f" {len(patches)} of the {len(self.rows)} patches ({reason_of(error)}); choose"
                " another batch_size, or a larger view"
            ) from error

    def predict(self, rows: torch.Tensor) -> torch.Tensor:
        """Predictions of the spots `rows` by the current network, float32 (rows, genes)."""
        self.network.eval()
        patches, batch_size = self.data.patches, self.recipe.engine.prediction_batch
        label = f"{self.label}: predict"
        return predict(self.forward, self.standardise, patches, rows, batch_size, label)

    def state(self) -> dict[str, torch.Tensor]:
        """Everything the next epoch depends on: weights, running averages and momentum, by name."""
        state = {f"network.{n}": value for n, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for key, value in self.optimiser.state.get(parameter, {}).items():
                if value is not None:
                    state[f"optimiser.{key}.{name}"] = value
        return state

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Restore what `state` returned after an epoch."""
        own = self.network.state_dict()
        self.network.load_state_dict({name: state[f"network.{name}"] for name in own})
        parameters = dict(self.network.named_parameters())
        for name, value in state.items():
            kind, _, rest = name.partition(".")
            if kind == "optimiser":
                key, _, parameter = rest.partition(".")
                parameter = parameters[parameter]
                # Adam's number of steps is a number, and stays on the CPU.
                new = torch.empty_like(parameter if value.ndim else value)
                self.optimiser.state[parameter][key] = new.copy_(value)

    def _standardisation(self) -> Standardisation:
        if self.recipe.standardisation == "imagenet":
            return Standardisation.of_unit(IMAGENET_MEAN, IMAGENET_SD, self.data.device)
        levels = self.data.levels[self._statistics_rows().numpy()]
        return Standardisation.of(levels, self.data.device)

    def _optimiser(self) -> torch.optim.Optimizer:
        trained = [each for each in self.network.parameters() if each.requires_grad]
        common = {"lr": self.recipe.learning_rate, "weight_decay": self.recipe.weight_decay}
        if self.recipe.optimiser == "adam":
            return torch.optim.Adam(trained, betas=(self.recipe.momentum, ADAM_BETA_2), **common)
        return torch.optim.SGD(trained, momentum=self.recipe.momentum, **common)

    def _statistics_rows(self) -> torch.Tensor:
        if not self.recipe.statistics_batches:
            return self.rows
        stream = torch.Generator().manual_seed(self._seed("statistics"))
        n_spots = self.recipe.statistics_batches * self.recipe.batch_size
        return self.rows[torch.randperm(len(self.rows), generator=stream)[:n_spots]]

    def _seed(self, purpose: str) -> int:
        return zlib.crc32(f"{self.recipe.seed} {self.label} {purpose}".encode())


def batch_loss(predicted: torch.Tensor, measured: torch.Tensor, reduction: str) -> torch.Tensor:
    """Squared error of a batch (spots, genes), averaged over genes, summed or averaged over spots.

    The paper minimises "the squared error for each of the genes". The released code sums over the
    batch, and its learning rate of 1e-6 is for the sum. With the mean, multiply the rate by the
    batch size.
    """
    per_spot = (predicted - measured).square().mean(dim=1)
    return per_spot.sum() if reduction == "sum" else per_spot.mean()
