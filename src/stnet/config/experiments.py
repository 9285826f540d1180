"""Experiments: ways of predicting expression. Each kind is a subclass of `Experiment`."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from stnet.config.base import (
    AS_WRITTEN,
    EACH_ONCE,
    AtLeastOne,
    AtLeastTwo,
    KeyFault,
    Names,
    NotNegative,
    Row,
    Seed,
    Split,
    View,
)
from stnet.config.engine import Engines
from stnet.config.names import IMAGENET, CohortName, FeaturesName, RowId, TargetsName
from stnet.config.recipe import Training
from stnet.config.split import HELD_OUT
from stnet.config.targets import Transform

Penalties = Annotated[list[NotNegative], Field(min_length=1)]
EXTENSIONS = r"\.(h5ad|(tsv|csv)(\.gz)?)$"


def _check_braces(path: str) -> str:
    if re.search("[{}]", path.replace(HELD_OUT, "")):
        raise ValueError(f"{path} has braces other than those of {HELD_OUT}; rename the file")
    return path


def _check_format(path: str) -> str:
    if not re.search(EXTENSIONS, path):
        raise ValueError(f"{path} does not end with .h5ad, .tsv, .csv, .tsv.gz or .csv.gz")
    return path


# A path in which {held_out} may stand for the held-out group.
OfGroup = Annotated[str, AfterValidator(_check_braces)]


class Experiment(Row):
    """A way of predicting expression, evaluated on held-out groups of a cohort."""

    predicts_factors: ClassVar[bool] = False

    cohort: CohortName
    """The cohort to predict."""
    targets: TargetsName
    """The targets to predict."""
    split: Split = "patient"
    """What is held out together: a patient, a section, or one of k folds of the patients. Source:
    paper."""
    smoothing: Literal["values", "counts"] = "values"
    """What smoothing averages over a spot's neighbourhood: expression values, or counts before the
    transformation. Source: ours (the released code does not smooth)."""
    genes: Annotated[Names, *EACH_ONCE] | None = Field(default=None, exclude=True)
    """Genes to predict one at a time: the row EXPERIMENT becomes one experiment EXPERIMENT-GENE per
    gene, with the transform of its targets. In the id, other characters than letters, digits, '.'
    and '-' become '-'. Source: paper."""

    @property
    def sees_held_out(self) -> bool:
        """Whether the held-out measurement enters the prediction: a reference, not a method."""
        return False


class Network(Experiment, Training):
    """A network trained for each held-out group."""

    predicts_factors = True

    kind: Literal["network"] = "network"
    """A convolutional network. Source: paper."""
    view: View = "224x1"
    """Source window x downsampling in pixels; 448x2 is 224 pixels at half the magnification.
    Source: paper."""
    weights: str = IMAGENET
    """Initial weights of all layers but the last: imagenet, random, or the path of a safetensors
    file or a state dict. Source: paper."""
    latent: bool = True
    """Whether to save the last layer's inputs with the predictions: 4 kB per spot for
    DenseNet-121."""
    engine: Engines = Engines()
    """Numerical settings by device."""


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
    """Number of trees. Source: released code."""
    max_features: Annotated[float, Field(gt=0, le=1), AS_WRITTEN] = 1.0
    """Share of the features considered at each split. Source: released code (scikit-learn's
    default)."""
    min_samples_leaf: AtLeastOne = 1
    """Minimum number of spots in a leaf. Source: released code (scikit-learn's default)."""
    seed: Seed = 0
    """Seed of the bootstrap and the splits."""


class Ridge(Experiment):
    """Ridge regression on the principal components of features, after HEST's benchmark."""

    kind: Literal["ridge"] = "ridge"
    """Ridge regression on features."""
    features: FeaturesName
    """The features of the patches."""
    components: AtLeastOne = 256
    """Number of principal components of the features to keep."""
    penalties: Penalties = [100, 1000, 10000, 100000, 1000000]
    """Candidate penalties of the ridge regression."""
    inner_folds: AtLeastTwo | Literal["held_out"] = 4
    """Folds of the training patients that choose the penalty, if there are several candidates.
    `held_out` chooses it on the held-out spots themselves: a leak, to measure what it adds."""
    seed: Seed = 0
    """Seed of the solver of the principal components."""

    @property
    def sees_held_out(self) -> bool:
        """Whether the held-out spots choose the penalty."""
        return self.inner_folds == "held_out"


class Mean(Experiment):
    """The mean expression of the training spots."""

    kind: Literal["mean"] = "mean"
    """The mean of each gene."""


class Coordinates(Experiment):
    """Ridge regression on a polynomial in a spot's position in its section."""

    kind: Literal["coordinates"] = "coordinates"
    """Position in the section."""
    degree: AtLeastOne = 3
    """Degree of the polynomial."""
    penalty: NotNegative = 1
    """Penalty of the ridge regression."""


class Depth(Experiment):
    """A parabola in the ln of a spot's measured total counts: a reference, sees the measurement."""

    kind: Literal["depth"] = "depth"
    """Sequencing depth of the held-out spots, which no image shows."""

    @property
    def sees_held_out(self) -> bool:
        """Always: it predicts from the measured total counts."""
        return True


class Precomputed(Experiment):
    """Predictions that were made elsewhere and are handed in as files."""

    kind: Literal["precomputed"] = "precomputed"
    """Predictions handed in as files."""
    predictions: Annotated[OfGroup, AfterValidator(_check_format)]
    """Path of a held-out group's predictions, in which `{held_out}` stands for the group; or of one
    file with the predictions of all groups. An AnnData (.h5ad) or a table (.tsv, .csv, also .gz) of
    spots by genes."""
    transform: Transform
    """Unit of the predictions, which must be that of the targets."""
    universe: AtLeastOne | None = None
    """Number of genes G in the unit log_fraction, which must be that of the targets. May be left
    out for log_cp10k."""
    trained_on: OfGroup | list[RowId] | dict[str, list[RowId]]
    """Patients and sections of the cohort that the model saw: the path of a text file with one per
    line, in which `{held_out}` stands for the group; a mapping from groups to lists; or one list
    for all groups."""
    pretrained_on: list[str] = []
    """Data from outside the cohort that the model saw, as reports should name them."""

    @model_validator(mode="after")
    def _has_universe(self) -> "Precomputed":
        if self.transform == "log_fraction" and self.universe is None:
            raise KeyFault("universe", "missing; log_fraction needs the number of genes")
        return self
