"""Everything besides the data that determines a network's weights."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from stnet.config.base import AS_WRITTEN, AtLeastOne, AtLeastTwo, Keys, NotNegative, Positive, Seed
from stnet.config.engine import Engine
from stnet.config.names import Architecture


class Training(Keys):
    """Settings of the training of a network."""

    architecture: Architecture = "densenet121"
    """A classifier of torchvision by name, or densenet with its own options. Source: paper."""
    architecture_options: dict[str, Any] = {}
    """Arguments of the architecture's constructor."""
    trained: Literal["all"] | list[str] = "all"
    """Modules to train: all, or a list of names. The last layer is always trained. Source:
    paper."""
    loss: Literal["sum", "mean"] = "sum"
    """Squared error, averaged over genes, then summed or averaged over the batch. For the same
    steps, mean needs the learning rate times the batch size. Source: released code."""
    head: Literal["mean", "random"] = "mean"
    """How the last layer starts: weights at zero and bias at the training mean of the targets, or
    at random, as PyTorch starts it. Source: released code."""
    optimiser: Literal["sgd", "adam"] = "sgd"
    """Stochastic gradient descent, or Adam. Source: paper."""
    learning_rate: Positive = 1e-6
    """Learning rate of the optimiser. Source: paper."""
    momentum: Annotated[float, Field(ge=0, lt=1), AS_WRITTEN] = 0.9
    """Momentum of stochastic gradient descent; of Adam its first beta. Source: paper."""
    weight_decay: NotNegative = 0
    """Weight decay of the optimiser. Source: released code."""
    batch_size: AtLeastTwo = 32
    """Spots per training step. Source: paper."""
    epochs: AtLeastOne = 50
    """Maximum number of epochs; without inner folds, the number of epochs. Source: paper."""
    inner_folds: Annotated[int, Field(ge=0, json_schema_extra={"not": {"const": 1}})] = 4
    """Folds that choose the number of epochs; 0 trains for `epochs`. Source: paper."""
    standardisation: Literal["training", "imagenet"] = "training"
    """Mean and standard deviation by which patches are standardised: those of the training patches,
    or of ImageNet. Source: released code."""
    statistics_batches: Annotated[int, Field(ge=0)] = 0
    """Batches from which the mean and standard deviation of the training patches are computed; 0
    uses all. Source: ours (12 in the released code)."""
    seed: Seed = 0
    """Seed for the order of spots, the augmentation and random weights."""

    @field_validator("inner_folds")
    @classmethod
    def _several_folds(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold leaves nothing to train on; write 0, or 2 or more")
        return folds


class Recipe(Training):
    """Settings of one training job, with its initial weights and the engine of its device."""

    weights: str | None
    """Path of the initial weights; null for random weights."""
    engine: Engine
    """The engine of the device in use."""
