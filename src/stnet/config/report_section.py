"""What is shown of a cohort."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from stnet.config.base import (
    EACH_ONCE,
    AtLeastOne,
    AtLeastTwo,
    BetweenZeroAndOne,
    Keys,
    Names,
    NotNegative,
    Positive,
    Seed,
)
from stnet.config.names import ExperimentName, Id, SourceName


def _without_nulls(table: Any) -> Any:
    """A configuration laid over another can take out what that has only by null."""
    if isinstance(table, dict):
        return {name: value for name, value in table.items() if value is not None}
    return {} if table is None else table


class Pathways(Keys):
    """Gene sets among which the consistently predicted genes are sought."""

    gene_sets: Names
    """GMT files."""
    groups: Annotated[dict[str, Names | None], Field(min_length=1), BeforeValidator(_without_nulls)]
    """Patterns (with * and ?) of the names of the sets that each group unites; null takes a group
    out. Source: ours (the paper's groups are DAVID's)."""
    level: BetweenZeroAndOne = 0.05
    """Largest adjusted P that the page calls enriched."""


class Interpretation(Keys):
    """Integrated gradients of the highest-predicted patches."""

    patches: AtLeastOne = 12
    """Patches that are attributed, at most one a held-out patient until all have one."""
    shown: AtLeastOne = 3
    """The first of them, which are drawn. Source: paper."""
    steps: AtLeastTwo = 64
    """Steps from the baseline to the patch, to begin with."""


class Latent(Keys):
    """The latent space of the main network."""

    patients: list[str] = []
    """Patients of Fig. 4 and Supp. Fig. 8; none is the three with the most balanced labels."""
    neighbours: AtLeastTwo = 15
    """Neighbours of UMAP. Source: released code (UMAP's default)."""
    min_dist: NotNegative = 0.1
    """Least distance of UMAP. Source: released code (UMAP's default)."""
    radius: Positive = 1.5
    """Within which, in UMAP, the labels around a spot make it representative or atypical. Source:
    released code."""
    seed: Seed = 0
    """Of UMAP, k-means and random spots. Source: ours (the released code has none)."""


class Study(Keys):
    """Experiments that stand side by side."""

    title: str
    """What is varied."""
    experiments: Annotated[list[ExperimentName], Field(min_length=2), *EACH_ONCE]
    """The experiments."""


class Colocalisation(Keys):
    """Genes whose spatial correlation is compared with chance."""

    tumour: Names
    """Genes of tumour."""
    immune: Names
    """Genes of immune cells."""


class Report(Keys):
    """What is shown of a cohort: tables, figures and the ledger."""

    main: ExperimentName
    """Experiment that stands for ST-Net in tables and figures."""
    label: ExperimentName | None = None
    """Experiment of the tumour/normal label baseline."""
    features: ExperimentName | None = None
    """Experiment of kind forest on nuclear features, which are those of every analysis of nuclei;
    null shows nothing of nuclei."""
    composition: ExperimentName | None = None
    """Network that predicts the composition of cell types."""
    gene: str | None = None
    """Gene of Fig. 2a; null is the one with the highest median r."""
    patients: list[str] = []
    """Patients of Fig. 2a; none is the two in the middle of the ranking."""
    others: list[ExperimentName] = []
    """Further experiments to evaluate; every comparison has them."""
    nuclear_gene: str | None = None
    """Gene whose expression is held against size and density of nuclei."""
    pathways: Pathways | None = None
    """Gene sets among which the consistent genes are sought; null leaves them out."""
    interpretation: Interpretation | None = None
    """Integrated gradients of the highest-predicted patches; null leaves them out."""
    latent: Latent | None = None
    """The latent space of the main network; null leaves it out."""
    visium: list[SourceName] = []
    """External sources of kind sections to apply the main experiment to; the first is shown in
    Table 1."""
    slides: list[SourceName] = []
    """External sources of kind slides to apply it to; one without a sheet is left out."""
    map_genes: list[str] = []
    """Genes of the maps of external sections and slides; without them that of Fig. 2a."""
    colocalisation: Colocalisation | None = None
    """Genes whose spatial correlation is compared with chance; null leaves it out."""
    studies: Annotated[dict[Id, Study | None] | None, BeforeValidator(_without_nulls)] = {}
    """Ablations, by the name of what is varied; the target supplement makes them. null takes one,
    or all, out."""
    single_genes: ExperimentName | None = None
    """Experiment with `genes`, each of which is compared with its prediction among all. Source:
    paper."""
