"""What the networks of a configuration are, as the rules lay them out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stnet.planning.pending import Job


@dataclass(frozen=True)
class Cohort:
    """A cohort: rows of its sheet (`patient section`), its section files in that order, and more.

    `views` is the folder that has a folder a view, `paper` whether it is the paper's own cohort.
    """

    rows: list[dict[str, str]]
    section_files: list[str]
    views: str
    paper: bool

    @property
    def sections(self) -> list[str]:
        """Ids of the sections, in the sheet's order."""
        return [row["section"] for row in self.rows]


@dataclass(frozen=True)
class HeldOut:
    """A held-out group: its sections, and the files of its two jobs.

    The network of all patients holds out none, and has no predictions ("").
    """

    sections: list[str]
    model: str
    predictions: str


@dataclass(frozen=True)
class Experiment:
    """A network: `view` and `recipe` as configured, `outputs` the number of values a spot."""

    cohort: str
    view: str
    outputs: int
    recipe: dict
    groups: dict[str, HeldOut]

    def __post_init__(self):
        """Take the groups as plain mappings, too."""
        groups = {k: v if isinstance(v, HeldOut) else HeldOut(**v) for k, v in self.groups.items()}
        object.__setattr__(self, "groups", groups)

    def recipe_on(self, device: str) -> dict:
        """The recipe with the engine of one device, `cpu` or `cuda`."""
        return {**self.recipe, "engine": self.recipe["engine"][device]}


def view_folder(cohorts: Mapping[str, Cohort], experiment: Experiment) -> Path:
    """The folder with the patches of an experiment's view."""
    return Path(cohorts[experiment.cohort].views) / experiment.view


def needing_views(
    cohorts: Mapping[str, Cohort], experiments: Iterable[Experiment], pending: Sequence[Job]
) -> dict[Path, list[Job]]:
    """Pending jobs that read or write a view, by its folder."""
    reads = {
        path: view_folder(cohorts, experiment)
        for experiment in experiments
        for group in experiment.groups.values()
        for path in (group.model, group.predictions)
    }
    needing: dict[Path, list[Job]] = {}
    folders = {Path(cohort.views) for cohort in cohorts.values()}
    for job in pending:
        first = job.outputs[0]
        parent = Path(first).parent
        folder = reads.get(first) or (parent if parent.parent in folders else None)
        if folder is not None:
            needing.setdefault(folder, []).append(job)
    return needing
