"""Cohorts: tissue sections and their source. Each source is a subclass of `Cohort`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from stnet.config.base import AtLeastOne, Keys, Positive, Row, Seed
from stnet.config.report_section import Report


class LabelClasses(Keys):
    """The cohort's labels for tumour and normal spots."""

    tumour: list[str] = []
    """Labels that mean tumour."""
    normal: list[str] = []
    """Labels that mean normal tissue."""


class Cohort(Row):
    """Tissue sections with measured expression."""

    by = "source"

    sheet: str
    """The section sheet, a TSV with one row per section."""
    genes: str | None = None
    """Gene table (HGNC's complete set) that gives the symbols of Ensembl ids."""
    paper: bool = False
    """Whether this is the paper's own cohort, whose results are compared with the paper's."""
    require_label: bool = False
    """Whether to drop spots without a pathologist's label, as the released code does. Source:
    ours."""
    label_classes: LabelClasses = LabelClasses()
    """The cohort's labels for tumour and normal spots."""
    spot_window: Annotated[int, Field(ge=2, multiple_of=2)]
    """A spot is used if a window of this side around it lies inside the image, for every view.
    Unit: px. Source: released code (224)."""
    spot_pitch_um: Positive
    """Distance between neighbouring spots. It gives the image's scale if the section sheet does
    not. Bins of Visium HD are added up to spots of this side. Unit: µm. Source: paper (200)."""
    misaligned: Literal["warn", "stop"] = "warn"
    """What to do if a section clearly fits elsewhere on its image, or on another section's, better:
    warn and go on, and draw both on the page of the sections, or end the job. Source: ours."""
    report: Report | None = None
    """What the report shows of the cohort."""

    @field_validator("label_classes")
    @classmethod
    def _one_class_each(cls, classes: LabelClasses) -> LabelClasses:
        both = sorted(set(classes.tumour) & set(classes.normal))
        if both:
            raise ValueError(f"{both[0]!r} is both tumour and normal; remove one of them")
        return classes


class Files(Cohort):
    """Existing files."""

    source: None = None
    """The files exist already."""
    root: str
    """Folder to which the sheet's paths are relative."""


class Made(Cohort):
    """Files that a rule downloads or simulates, in resources/COHORT."""

    root: str = ""
    """Leave it out: the files are in resources/COHORT."""


class Mendeley(Made):
    """A dataset on Mendeley Data."""

    source: Literal["mendeley"] = "mendeley"
    """Mendeley Data."""
    dataset: str
    """Id of the Mendeley dataset."""
    version: AtLeastOne
    """Version of the Mendeley dataset."""
    mirror: str | None = None
    """Folder with files that were downloaded before, under their original names."""


class TenX(Made):
    """Visium sections that 10x Genomics distributes."""

    source: Literal["tenx"] = "tenx"
    """10x Genomics."""
    mirror: str | None = None
    """Folder with files that were downloaded before, under their original names."""


class Simulation(Keys):
    """Parameters of the simulation."""

    seed: Seed
    """Seed of images and counts."""
    all_tumour: list[str]
    """Patients whose spots are all tumour."""


class SectionSimulation(Simulation):
    """Parameters of the simulation of ST sections."""

    controls: bool = False
    """Simulate a cohort of controls: some genes follow only the size of nuclei, which does not show
    in a patch's mean colour, some only colour, and most only a depth that the image shows."""


class Simulated(Made):
    """Simulated ST sections."""

    source: Literal["simulated"] = "simulated"
    """A simulation."""
    simulation: SectionSimulation
    """Parameters of the simulation."""


class SimulatedVisium(Made):
    """Simulated Visium sections."""

    source: Literal["simulated-visium"] = "simulated-visium"
    """A simulation of Visium."""
    simulation: Simulation
    """Parameters of the simulation."""
