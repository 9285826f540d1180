"""What the weights of a network depend on, beside its data."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from stnet.config.base import AS_WRITTEN, AtLeastOne, AtLeastTwo, Keys, NotNegative, Positive, Seed
from stnet.config.engine import Engine


class Training(Keys):
    """How a network is trained."""

    architecture: str = "densenet121"
    """A classifier of torchvision by name, or densenet with its own options. Source: paper."""
    architecture_options: dict[str, Any] = {}
    """Arguments of the architecture's constructor."""
    trained: Literal["all"] | list[str] = "all"
    """All layers, or the modules that are trained beside the last layer, which always is. Source:
    paper."""
    loss: Literal["sum", "mean"] = "sum"
    """Squared error averaged over genes, and over the batch summed or averaged; mean needs the
    learning rate times the batch size. Source: released code."""
    learning_rate: Positive = 1e-6
    """Of stochastic gradient descent. Source: paper."""
    momentum: Annotated[float, Field(ge=0, lt=1), AS_WRITTEN] = 0.9
    """Of stochastic gradient descent. Source: paper."""
    weight_decay: NotNegative = 0
    """Of stochastic gradient descent. Source: released code."""
    batch_size: AtLeastTwo = 32
    """Spots of a training step. Source: paper."""
    epochs: AtLeastOne = 50
    """Most epochs, or their number where there are no inner folds. Source: paper."""
    inner_folds: Annotated[int, Field(ge=0, json_schema_extra={"not": {"const": 1}})] = 4
    """Folds by which the number of epochs is chosen; 0 takes epochs as it is. Source: paper."""
    statistics_batches: Annotated[int, Field(ge=0)] = 0
    """Batches by which patches are standardised; 0 is all of them. Source: ours (12 in the
    released code)."""
    seed: Seed = 0
    """Of the order of spots, the augmentation and random weights."""

    @field_validator("inner_folds")
    @classmethod
    def _several_folds(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold leaves nothing to train on; write 0, or 2 or more")
        return folds


class Recipe(Training):
    """How a network is trained in one job: from which weights, and on which device."""

    weights: str | None
    """Path of the initial weights; none is random ones."""
    engine: Engine
    """The engine of the device that is used."""
