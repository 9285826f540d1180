"""Cohorts: sections of tissue, and where they come from. A source is a subclass of `Cohort`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from stnet.config.base import Keys, Positive, Row, Seed
from stnet.config.report_section import Report


class LabelClasses(Keys):
    """The cohort's words for tumour and normal spots."""

    tumour: list[str]
    """Labels that mean tumour."""
    normal: list[str]
    """Labels that mean normal tissue."""


class Cohort(Row):
    """Sections of tissue with expression."""

    by = "source"

    sheet: str
    """The section sheet, a TSV with a row a section."""
    genes: str | None = None
    """Gene table (HGNC's complete set) that gives symbols to Ensembl ids."""
    paper: bool = False
    """Whether this is the paper's own cohort, so that its numbers may be judged by the paper's."""
    require_label: bool
    """Whether a spot without a pathologist's label is dropped. Source: released code (which drops
    it)."""
    label_classes: LabelClasses
    """The cohort's words for tumour and normal spots."""
    spot_window: Annotated[int, Field(ge=2, multiple_of=2)]
    """Side of the window that must lie inside the image for a spot to be used, whatever the view.
    Unit: px. Source: released code (224)."""
    spot_pitch_um: Positive
    """Distance between neighbouring spots; gives the scale of an image where the section sheet does
    not. Unit: µm. Source: paper (200)."""
    report: Report | None = None
    """What is shown of the cohort."""

    @field_validator("label_classes")
    @classmethod
    def _one_class_each(cls, classes: LabelClasses) -> LabelClasses:
        both = sorted(set(classes.tumour) & set(classes.normal))
        if both:
            raise ValueError(f"{both[0]!r} is both tumour and normal; write it once")
        return classes


class Files(Cohort):
    """Files that are there already."""

    source: None = None
    """Nobody makes the files."""
    root: str
    """Folder that the sheet's paths are in."""


class Made(Cohort):
    """Files that a rule makes, in resources/ and the cohort's name."""

    root: str = ""
    """Leave it out: the files are in resources/ and the cohort's name."""


class Mendeley(Made):
    """A dataset of Mendeley Data."""

    source: Literal["mendeley"] = "mendeley"
    """Mendeley Data."""
    dataset: str
    """Id of the Mendeley dataset."""
    version: int
    """Version of the Mendeley dataset."""
    mirror: str | None = None
    """Folder with the distributed files under their own names, used before the network."""


class TenX(Made):
    """Visium sections that 10x Genomics distributes."""

    source: Literal["tenx"] = "tenx"
    """10x Genomics."""
    mirror: str | None = None
    """Folder with the distributed files under their own names, used before the network."""


class Simulation(Keys):
    """What is simulated."""

    seed: Seed
    """Of images and counts."""
    all_tumour: list[str]
    """Patients whose every spot is tumour."""


class Simulated(Made):
    """Simulated ST sections."""

    source: Literal["simulated"] = "simulated"
    """A simulation."""
    simulation: Simulation
    """What is simulated."""


class SimulatedVisium(Made):
    """Simulated Visium sections."""

    source: Literal["simulated-visium"] = "simulated-visium"
    """A simulation of Visium."""
    simulation: Simulation
    """What is simulated."""
