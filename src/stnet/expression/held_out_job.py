"""The arguments that all jobs of a held-out group share."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

import anndata as ad
import numpy as np


@dataclass(frozen=True)
class HeldOutJob:
    """A job: an experiment and one of its held-out groups.

    `sections` are the held-out sections, empty for the group `all`. `threads` is the number of CPU
    threads. `code` is the digest of the job's code, for the provenance.
    """

    experiment: str
    held_out: str
    sections: Collection[str]
    threads: int
    code: str

    @classmethod
    def of(cls, wildcards: Any, params: Any, threads: int) -> Self:
        """The job of a rule with the wildcards `experiment` and `held_out`.

        The rule's params must have `held_out_sections` and `digest`.
        """
        return cls(
            experiment=wildcards.experiment,
            held_out=wildcards.held_out,
            sections=params.held_out_sections,
            threads=threads,
            code=params.digest,
        )

    def is_held_out(self, measured: ad.AnnData) -> np.ndarray:
        """Whether each spot of `measured` is held out: boolean (spots,)."""
        return measured.obs["section"].isin(list(self.sections)).to_numpy()
