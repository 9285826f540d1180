"""The whole configuration: its tables and global keys."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from stnet.config.base import EACH_ONCE, Keys, NotNegative, Row, Seed
from stnet.config.cohorts import Cohort
from stnet.config.experiments import Experiment
from stnet.config.export import Export
from stnet.config.external import External
from stnet.config.features import Features
from stnet.config.names import CohortName, FolderId, Id
from stnet.config.predict import Predict
from stnet.config.targets import Targets

# The model of its kind checks a row together with its inherited keys.
TABLES: dict[str, type[Row]] = {
    "cohorts": Cohort,
    "targets": Targets,
    "features": Features,
    "experiments": Experiment,
    "external": External,
}


def _not_removed(row: Any) -> Any:
    if row is None:
        raise ValueError("a row cannot be removed with null; leave it unused")
    return row


RowKeys = Annotated[dict[str, Any], BeforeValidator(_not_removed)]


class Hosts(Keys):
    """Where downloads come from."""

    mendeley: str = "https://data.mendeley.com"
    """Mendeley Data."""
    tenx: str = "https://cf.10xgenomics.com"
    """10x Genomics."""
    gdc: str = "https://api.gdc.cancer.gov"
    """The Genomic Data Commons."""
    reactome: str = "https://reactome.org"
    """Reactome."""
    hgnc: str = (
        "https://storage.googleapis.com/public-download-files/hgnc/archive/archive/quarterly/tsv"
        "/hgnc_complete_set_2026-07-07.txt"
    )
    """HGNC's complete set."""

    @field_validator("*")
    @classmethod
    def _without_password(cls, host: str) -> str:
        if set("@?#") & set(host):
            raise ValueError("has a name, password or query, which logs would show; use ~/.netrc")
        return host


class Settings(Keys):
    """The configuration. No key that changes a number is global."""

    report: Annotated[list[CohortName], Field(min_length=1), *EACH_ONCE]
    """Cohorts to report; the target `all` makes their results."""
    device: Literal["cpu", "cuda"] = "cuda"
    """Device on which networks are trained and applied. There is no automatic fallback to the
    CPU."""
    container: str | None = None
    """Image that jobs run in with `--sdm apptainer`: a `.sif` file, or an address such as
    `docker://…`. None is published."""
    tensorboard: bool = False
    """Whether training also writes TensorBoard logs."""
    calibration: NotNegative = 60
    """Time that the plan spends on timing networks on this device; 0 leaves the hours out.
    Unit: s."""
    verify_sample: Seed = 0
    """Finished jobs, drawn at random, that the target `verify` runs again to compare their bits."""
    verify_seed: Seed = 0
    """Which ones."""
    hosts: Hosts = Hosts()
    """Where downloads come from."""
    cohorts: dict[FolderId, RowKeys]
    """Tissue sections with measured expression."""
    targets: dict[Id, RowKeys]
    """Values to predict."""
    features: dict[Id, RowKeys] = {}
    """Numbers that describe patches."""
    experiments: dict[Id, RowKeys]
    """Ways of predicting expression."""
    external: dict[FolderId, RowKeys] = {}
    """Images to which trained models are applied."""
    predict: Predict = Predict()
    """Slides and Visium sections of your own, for the target `predict`."""
    export: Export = Export()
    """Predictions in the formats of other programs, for the target `export`."""
