"""Targets: the values to predict."""

from typing import Annotated, Any, Literal

from pydantic import model_validator

from stnet.config.base import EACH_ONCE, AtLeastOne, KeyFault, Names, Row, Seed, Split
from stnet.config.names import TargetsName

Transform = Literal["log_fraction", "log_cp10k"]


class Targets(Row):
    """Values to predict for a spot. Rows with `of` are factors, others are genes."""

    by = "of"

    split: Split = "patient"
    """Split of the experiments that use these targets, if the targets differ between held-out
    groups."""

    @classmethod
    def kinds(cls) -> dict[str, type["Targets"]]:
        """Genes and factors."""
        return {"genes": GeneTargets, "factors": Factors}

    @classmethod
    def kind_of(cls, row: dict[str, Any]) -> str:
        """`factors` if the row has `of`, else `genes`."""
        return "factors" if "of" in row else "genes"


class GeneTargets(Targets):
    """Expression of genes."""

    genes: AtLeastOne | Annotated[Names, *EACH_ONCE] = 250
    """Number of genes with the highest mean count, or a list of genes by symbol or id. Source:
    paper."""
    transform: Transform = "log_fraction"
    """log_fraction is ln((1 + c) / (G + sum c)); log_cp10k is ln(1 + 10^4 c / sum c), which removes
    depth better. Source: released code."""
    choice: Literal["cohort", "training"] = "cohort"
    """Whether genes are chosen on the whole cohort, or without the held-out group. Source: released
    code."""

    @property
    def fitted(self) -> bool:
        """Whether the targets differ between held-out groups."""
        return self.choice == "training"

    @model_validator(mode="after")
    def _named_are_not_chosen(self) -> "GeneTargets":
        if self.fitted and isinstance(self.genes, list):
            raise KeyFault(
                "choice",
                "a list of genes is not chosen on the training part; write cohort",
            )
        return self


class Factors(Targets):
    """Composition of cell types, by non-negative matrix factorisation of the training spots."""

    of: TargetsName
    """The targets with the genes to factorise."""
    factors: AtLeastOne = 10
    """Number of factors. Source: paper."""
    iterations: AtLeastOne = 200
    """Iterations of the factorisation, without early stopping. Source: paper."""
    seed: Seed = 0
    """Seed of the SVD that initialises the factorisation."""

    @property
    def fitted(self) -> bool:
        """Always true: factors are fitted without the held-out group."""
        return True
