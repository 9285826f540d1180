"""Targets: what is predicted."""

from typing import Annotated, Any, Literal

from pydantic import model_validator

from stnet.config.base import EACH_ONCE, AtLeastOne, KeyFault, Names, Row, Seed, Split
from stnet.config.names import TargetsName


class Targets(Row):
    """Values that are predicted for a spot. Rows with `of` are factors, others genes."""

    by = "of"

    split: Split = "patient"
    """Split of the experiments that use them, where they differ between held-out groups."""

    @classmethod
    def kinds(cls) -> dict[str, type["Targets"]]:
        """Genes, and factors of them."""
        return {"genes": GeneTargets, "factors": Factors}

    @classmethod
    def kind_of(cls, row: dict[str, Any]) -> str:
        """Factors have `of`."""
        return "factors" if "of" in row else "genes"


class GeneTargets(Targets):
    """Expression of genes."""

    genes: AtLeastOne | Annotated[Names, *EACH_ONCE] = 250
    """How many genes of the highest mean count are predicted, or which, by symbol or id. Source:
    paper."""
    transform: Literal["log_fraction", "log_cp10k"] = "log_fraction"
    """ln((1 + c) / (G + sum c)), or ln(1 + 10^4 c / sum c), which removes depth better. Source:
    released code."""
    choice: Literal["cohort", "training"] = "cohort"
    """Whether genes are chosen on the whole cohort, or without the held-out group. Source: released
    code."""

    @property
    def fitted(self) -> bool:
        """Whether they differ between held-out groups."""
        return self.choice == "training"

    @model_validator(mode="after")
    def _named_are_not_chosen(self) -> "GeneTargets":
        if self.fitted and isinstance(self.genes, list):
            raise KeyFault(
                "choice",
                "genes that are named are not chosen on the training part; write cohort",
            )
        return self


class Factors(Targets):
    """Composition of cell types, by non-negative matrix factorisation of the training spots."""

    of: TargetsName
    """The targets whose genes are factorised."""
    factors: AtLeastOne = 10
    """Their number. Source: paper."""
    iterations: AtLeastOne = 200
    """Iterations of the factorisation, all of which are done. Source: paper."""
    seed: Seed = 0
    """Of the SVD that the factorisation starts from."""

    @property
    def fitted(self) -> bool:
        """Always: nothing of a held-out group enters its own."""
        return True
