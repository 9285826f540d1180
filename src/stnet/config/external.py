"""External sources: what trained models are applied to, and how."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

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
from stnet.config.names import CohortName, ModelId
from stnet.config.tiles import Scale, Tiles


class External(Row):
    """Images that trained models are applied to."""

    model: ModelId = "all"
    """The network trained on all patients (all), the mean of those of the held-out groups
    (ensemble), or one of these by its id."""
    paper: bool = False
    """Whether these are the paper's own data."""


class Sections(External):
    """The sections of a cohort, compared with what they measure."""

    kind: Literal["sections"] = "sections"
    """Sections of a cohort."""
    cohort: CohortName
    """The cohort whose sections are predicted, and compared with what they measure."""
    scale: Scale = "micrometres"
    """Whether the network is fed pixels as they are, or windows of as many micrometres as it was
    trained on."""


class SimulatedArchive(Keys):
    """A simulated Genomic Data Commons."""

    seed: Seed
    """Of its slides and expression."""
    patients: AtLeastOne
    """Their number."""


class ImageEncoder(Keys):
    """The network whose features stand for the image alone."""

    architecture: str = "densenet121"
    """As of experiments. Source: paper."""
    architecture_options: dict[str, Any] = {}
    """Arguments of the architecture's constructor."""
    weights: str = "imagenet"
    """imagenet, random, or the path of a safetensors file or a state dict. Source: paper."""


class Subtypes(Keys):
    """Two histological subtypes, told apart by a logistic regression."""

    classes: Annotated[dict[str, Names], Field(min_length=2, max_length=2)] = {
        "IDC": ["8500/3"],
        "ILC": ["8520/3"],
    }
    """Two subtypes and the ICD-O-3 morphology codes of each; the score is the first one's. Source:
    paper."""
    test_share: BetweenZeroAndOne = 0.3
    """Share of the patients that is tested on. Source: paper."""
    folds: AtLeastTwo = 5
    """Folds by which the regularisation is chosen. Source: paper."""
    regularisation: Annotated[list[Positive], Field(min_length=1)] = [0.001, 0.01, 0.1, 1, 10, 100]
    """Values of C of the logistic regression to choose from."""
    seed: Seed = 0
    """Of the choice of patients to test on."""


class Slides(External):
    """Whole slides of the Genomic Data Commons."""

    kind: Literal["slides"] = "slides"
    """Whole slides."""
    sheet: str
    """The slide sheet, a TSV with a row a slide; the target tcga_sheet writes it."""
    source: Literal["gdc", "simulated"] = "gdc"
    """The Genomic Data Commons, or a simulated one."""
    project: str
    """Id of the project at the Genomic Data Commons."""
    simulation: SimulatedArchive | None = None
    """Of a simulated Genomic Data Commons."""
    mirror: str | None = None
    """Folder with slides under their own names, used before the network and never deleted from."""
    scale: Scale = "pixels"
    """Whether the network is fed pixels as they are, or windows of as many micrometres as it was
    trained on. Source: paper."""
    tiles: Tiles = Tiles()
    """How a whole slide is cut."""
    um_per_px: Positive | None = None
    """Of slides that say neither that nor their objective; null refuses them. Unit: µm per px."""
    genes: str = "resources/genes/hgnc.tsv"
    """Gene table by which symbols and aliases are matched."""
    encoder: ImageEncoder = ImageEncoder()
    """Network whose features stand for the image alone."""
    subtypes: Subtypes = Subtypes()
    """What the subtypes are, and how they are told apart."""
    maps: list[str] = []
    """Slides whose predictions are drawn; none is the first two of the sheet."""

    @model_validator(mode="after")
    def _say_what_is_simulated(self) -> "Slides":
        if self.source == "simulated" and self.simulation is None:
            raise KeyFault("simulation", "missing; add its seed and patients, or another source")
        return self
