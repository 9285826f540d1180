"""What the report shows of a cohort."""

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
from stnet.config.names import ExperimentName, Id, SourceName, TargetsName


def _without_nulls(table: Any) -> Any:
    """Drop null entries: a configuration that overrides another uses null to remove entries."""
    if isinstance(table, dict):
        return {name: value for name, value in table.items() if value is not None}
    return {} if table is None else table


class Pathways(Keys):
    """Enrichment of gene sets among the consistently predicted genes."""

    gene_sets: Names
    """GMT files."""
    groups: Annotated[dict[str, Names | None], Field(min_length=1), BeforeValidator(_without_nulls)]
    """Patterns (with * and ?) of the names of the sets in each group; null removes a group.
    Source: ours (the paper's groups are DAVID's)."""
    level: BetweenZeroAndOne = 0.05
    """A group is called enriched up to this adjusted P value."""


class Interpretation(Keys):
    """Integrated gradients of the highest-predicted patches."""

    patches: AtLeastOne = 12
    """Number of patches to attribute, at most one per held-out patient until each has one."""
    shown: AtLeastOne = 3
    """Number of these patches to draw. Source: paper."""
    steps: AtLeastTwo = 64
    """Initial number of steps from the baseline to the patch."""


class Latent(Keys):
    """The latent space of the main network."""

    patients: list[str] = []
    """Patients shown in Fig. 4 and Supp. Fig. 8; an empty list means the three with the most
    balanced labels."""
    neighbours: AtLeastTwo = 15
    """Number of neighbours in UMAP. Source: released code (UMAP's default)."""
    min_dist: NotNegative = 0.1
    """Minimum distance in UMAP. Source: released code (UMAP's default)."""
    radius: Positive = 1.5
    """Radius in UMAP of the neighbourhood whose labels make a spot representative or atypical.
    Source: released code."""
    seed: Seed = 0
    """Seed for UMAP, k-means and the choice of random spots. Source: ours (the released code
    has none)."""


class Study(Keys):
    """Experiments that are compared side by side."""

    title: str
    """What is varied."""
    experiments: Annotated[list[ExperimentName], Field(min_length=2), *EACH_ONCE]
    """The experiments to compare."""


class Colocalisation(Keys):
    """Genes whose spatial correlation is compared with chance."""

    tumour: Names
    """Genes expressed by tumour cells."""
    immune: Names
    """Genes expressed by immune cells."""


class Claims(Keys):
    """Claims that a ledger compares with the results."""

    table: str
    """The claims, a TSV with one row per claim."""
    title: str
    """Title of the ledger's page."""
    about: str = ""
    """What a reader must know of the claims; shown below the title."""
    ablations: bool = False
    """Whether some claims are about ablations; `supplement` then makes a ledger with these."""
    other_cohort: bool = False
    """Whether the claims are about another cohort; the ledger then has no verdicts."""


class Arena(Keys):
    """Methods that are scored under one protocol that does not leak, by the target `arena`."""

    targets: TargetsName = "top250-training"
    """What all methods predict: genes chosen without the held-out patient, or a list. A method of
    other targets becomes another experiment, METHOD-arena, with these and their split."""
    methods: Annotated[list[ExperimentName], *EACH_ONCE] = []
    """Experiments to score; an empty list means those that the report compares."""
    reference: ExperimentName | None = None
    """Method that the differences are to; null means the one with the highest r."""


class Report(Keys):
    """Tables, figures and ledger of a cohort."""

    main: ExperimentName
    """Experiment that tables and figures show as ST-Net."""
    label: ExperimentName | None = None
    """Experiment of the tumour/normal label baseline."""
    features: ExperimentName | None = None
    """Experiment of kind forest on nuclear features. Every analysis of nuclei uses these features;
    null leaves nuclei out."""
    composition: ExperimentName | None = None
    """Network that predicts the composition of cell types."""
    gene: str | None = None
    """Gene shown in Fig. 2a; null means the gene with the highest median r."""
    patients: list[str] = []
    """Patients shown in Fig. 2a; an empty list means the two in the middle of the ranking."""
    claims: Annotated[dict[Id, Claims | None] | None, BeforeValidator(_without_nulls)] = {}
    """Claims by the name of their ledger, `ledger-{name}.html`. Write null to remove one of them,
    or all."""
    others: Annotated[list[ExperimentName], *EACH_ONCE] = []
    """Further experiments to evaluate and to include in every comparison."""
    nuclear_gene: Annotated[str, Field(pattern=r"^[^\s`*|\\]+$")] | None = None
    """Gene whose expression is compared with size and density of nuclei."""
    pathways: Pathways | None = None
    """Enrichment of gene sets among the consistently predicted genes; null leaves it out."""
    interpretation: Interpretation | None = None
    """Integrated gradients of the highest-predicted patches; null leaves them out."""
    latent: Latent | None = None
    """The latent space of the main network; null leaves it out."""
    visium: Annotated[list[SourceName], *EACH_ONCE] = []
    """External sources of kind sections to which the main experiment is applied; Table 1 shows the
    first."""
    slides: Annotated[list[SourceName], *EACH_ONCE] = []
    """External sources of kind slides to which the main experiment is applied; a source without a
    sheet is left out."""
    map_genes: list[str] = []
    """Genes to map on external sections and slides; an empty list means the gene shown in
    Fig. 2a."""
    colocalisation: Colocalisation | None = None
    """Genes whose spatial correlation is compared with chance; null leaves it out."""
    studies: Annotated[dict[Id, Study | None] | None, BeforeValidator(_without_nulls)] = {}
    """Ablations by name, made by the target `supplement`. Write null to remove one of them,
    or all."""
    arena: Arena | None = None
    """Methods that are scored under one protocol that does not leak, by the target `arena`; null
    leaves it out."""
    single_genes: ExperimentName | None = None
    """Experiment with `genes`. The prediction of each gene alone is compared with its prediction
    together with all genes. Source: paper."""

    @property
    def shown(self) -> list[str]:
        """Experiments that every comparison has, the main one first, each once."""
        parts = [self.main, self.label, self.features, self.composition, *self.others]
        return list(dict.fromkeys(filter(None, parts)))
