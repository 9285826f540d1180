"""Experiments: how expression is predicted. A kind of experiment is a subclass of `Experiment`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stnet.config.base import (
    AS_WRITTEN,
    AtLeastOne,
    AtLeastTwo,
    NotNegative,
    Row,
    Seed,
    Split,
    View,
)
from stnet.config.engine import Engines
from stnet.config.names import CohortName, FeaturesName, Id, TargetsName
from stnet.config.recipe import Training

Penalties = Annotated[list[NotNegative], Field(min_length=1)]


class Experiment(Row):
    """A way of predicting expression, evaluated on held-out groups of a cohort."""

    predicts_factors: ClassVar[bool] = False

    cohort: CohortName
    """The cohort that is predicted."""
    targets: TargetsName
    """What is predicted."""
    split: Split = "patient"
    """What is held out together: a patient, a section, or a fold of k of the patients. Source:
    paper."""
    smoothing: Literal["values", "counts"] = "values"
    """What is averaged over a spot's neighbourhood: expression values, or counts before the
    transformation. Source: ours (counts in the released code's bin/variance_bootstrap.py)."""
    genes: Annotated[list[Id], Field(min_length=1)] | None = Field(default=None, exclude=True)
    """Genes of which each is predicted alone: the row EXPERIMENT stands for the experiments
    EXPERIMENT-GENE, with the transform of its targets. Source: paper."""


class Network(Experiment, Training):
    """A network that is trained for each held-out group."""

    predicts_factors = True

    kind: Literal["network"] = "network"
    """A convolutional network. Source: paper."""
    view: View = "224x1"
    """Source window x downsampling in pixels; 448x2 is 224 pixels at half the magnification.
    Source: paper."""
    weights: str = "imagenet"
    """Initial weights of all layers but the last: imagenet, random, or the path of a safetensors
    file or a state dict. Source: paper."""
    latent: bool = True
    """Whether predictions keep the last layer's inputs, 4 kB a spot for DenseNet-121."""
    engine: Engines = Engines()
    """How the arithmetic is done."""


class Label(Experiment):
    """The mean expression of the training spots with the same label."""

    kind: Literal["label"] = "label"
    """The tumour/normal label. Source: paper."""


class Forest(Experiment):
    """A random forest on features."""

    kind: Literal["forest"] = "forest"
    """A random forest. Source: paper."""
    features: FeaturesName
    """The features of the patches."""
    trees: AtLeastOne = 100
    """Trees of the forest. Source: released code."""
    max_features: Annotated[float, Field(gt=0, le=1), AS_WRITTEN] = 1.0
    """Share of the features that each split is sought among. Source: released code (scikit-learn's
    default)."""
    min_samples_leaf: AtLeastOne = 1
    """Fewest spots in a leaf. Source: released code (scikit-learn's default)."""
    seed: Seed = 0
    """Of the bootstrap and the splits."""


class Ridge(Experiment):
    """Ridge regression on the principal components of features, after HEST's benchmark."""

    kind: Literal["ridge"] = "ridge"
    """Ridge regression on features."""
    features: FeaturesName
    """The features of the patches."""
    components: AtLeastOne = 256
    """Principal components of the features that are kept."""
    penalties: Penalties = [*[100, 1000, 10000, 100000, 1000000]]
    """Penalties of the ridge regression to choose from."""
    inner_folds: AtLeastTwo = 4
    """Folds of the training patients by which the penalty is chosen, where there are several."""
    seed: Seed = 0
    """Of the solver of the principal components."""


class Mean(Experiment):
    """The mean expression of the training spots."""

    kind: Literal["mean"] = "mean"
    """The mean of each gene."""


class Coordinates(Experiment):
    """Ridge regression on a polynomial in a spot's place in its section."""

    kind: Literal["coordinates"] = "coordinates"
    """The place in the section."""
    degree: AtLeastOne = 3
    """Degree of the polynomial."""
    penalty: NotNegative = 1
    """Penalty of its ridge regression."""
