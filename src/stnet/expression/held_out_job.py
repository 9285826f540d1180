"""The arguments that all jobs of a held-out group share."""

from collections.abc import Collection
from dataclasses import dataclass

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

    def is_held_out(self, measured: ad.AnnData) -> np.ndarray:
        """Whether each spot of `measured` is held out: boolean (spots,)."""
        return measured.obs["section"].isin(list(self.sections)).to_numpy()
