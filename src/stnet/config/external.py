"""External sources: images to which trained models are applied."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from stnet.config.base import (
    AtLeastOne,
    AtLeastTwo,
    BetweenZeroAndOne,
    KeyFault,
    Keys,
    Names,
    Positive,
    Row,
    Seed,
)
from stnet.config.names import IMAGENET, Architecture, CohortName, ModelId
from stnet.config.tiles import Scale, Tiles


class External(Row):
    """Images to which trained models are applied."""

    model: ModelId = "all"
    """The network trained on all patients (all), the mean of the networks of the held-out groups
    (ensemble), or one of these networks by the id of its group."""
    paper: bool = False
    """Whether these are the paper's own data."""


class Sections(External):
    """The sections of a cohort, compared with their measured expression."""

    kind: Literal["sections"] = "sections"
    """Sections of a cohort."""
    cohort: CohortName
    """The cohort to predict and to compare with its measured expression."""
    scale: Scale = "micrometres"
    """pixels feeds the network the image's pixels unchanged; micrometres resizes windows that are
    as wide as the training patches."""


class SimulatedArchive(Keys):
    """A simulated Genomic Data Commons."""

    seed: Seed
    """Seed of slides and expression."""
    patients: AtLeastOne
    """Number of patients."""


class ImageEncoder(Keys):
    """A network that was not trained on expression; its features are the image-only baseline."""

    architecture: Architecture = "densenet121"
    """Name of the architecture, as for experiments. Source: paper."""
    architecture_options: dict[str, Any] = {}
    """Arguments of the architecture's constructor."""
    weights: str = IMAGENET
    """imagenet, random, or the path of a safetensors file or a state dict. Source: paper."""


class Subtypes(Keys):
    """Two histological subtypes, classified by logistic regression."""

    classes: Annotated[dict[str, Names], Field(min_length=2, max_length=2)] = {
        "IDC": ["8500/3"],
        "ILC": ["8520/3"],
    }
    """Two subtypes and the ICD-O-3 morphology codes of each; the first by name is the
    positive class. Source: paper."""
    test_share: BetweenZeroAndOne = 0.3
    """Share of the patients in the test set. Source: paper."""
    folds: AtLeastTwo = 5
    """Folds that choose the regularisation. Source: paper."""
    regularisation: Annotated[list[Positive], Field(min_length=1)] = [0.001, 0.01, 0.1, 1, 10, 100]
    """Candidate values of C of the logistic regression."""
    seed: Seed = 0
    """Seed of the choice of test patients."""

    @field_validator("classes")
    @classmethod
    def _one_class_each(cls, classes: dict[str, list[str]]) -> dict[str, list[str]]:
        both = sorted(set.intersection(*map(set, classes.values())))
        if both:
            raise ValueError(f"{both[0]} is in both classes; remove it from one")
        return classes


class Slides(External):
    """Whole slides from the Genomic Data Commons."""

    kind: Literal["slides"] = "slides"
    """Whole slides."""
    sheet: str
    """The slide sheet, a TSV with one row per slide; the target tcga_sheet writes it."""
    source: Literal["gdc", "simulated"] = "gdc"
    """The Genomic Data Commons, or a simulated one."""
    project: str
    """Id of the project at the Genomic Data Commons."""
    simulation: SimulatedArchive | None = None
    """Parameters of the simulated Genomic Data Commons."""
    mirror: str | None = None
    """Folder with slides that were downloaded before, under their original names. Nothing in it is
    deleted."""
    scale: Scale = "pixels"
    """pixels feeds the network the slide's pixels unchanged; micrometres resizes windows that are
    as wide as the training patches. Source: paper."""
    tiles: Tiles = Tiles()
    """How to cut a whole slide into tiles."""
    um_per_px: Positive | None = None
    """Scale of slides that state neither their scale nor their objective; null refuses such slides.
    Unit: µm per px."""
    genes: str = "resources/genes/hgnc.tsv"
    """Gene table for matching symbols and aliases."""
    encoder: ImageEncoder = ImageEncoder()
    """Network of the image-only baseline."""
    subtypes: Subtypes = Subtypes()
    """The subtypes and their classifier."""
    maps: list[str] = []
    """Slides to draw predictions of; an empty list means the first two of the sheet."""

    @model_validator(mode="after")
    def _simulated_needs_parameters(self) -> "Slides":
        if self.source == "simulated" and self.simulation is None:
            raise KeyFault(
                "simulation", "missing; add it with seed and patients, or choose source gdc"
            )
        return self
