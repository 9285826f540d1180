"""What a job of a held-out group is told, whichever way it predicts."""

from collections.abc import Collection
from dataclasses import dataclass

import anndata as ad
import numpy as np


@dataclass(frozen=True)
class HeldOutJob:
    """A job: an experiment and one of its held-out groups.

    `sections` are those the group holds out, none for the group `all`. `threads` are of the
    processor, and `code` is the digest of the job's code; it goes into the provenance.
    """

    experiment: str
    held_out: str
    sections: Collection[str]
    threads: int
    code: str

    def is_held_out(self, measured: ad.AnnData) -> np.ndarray:
        """Which spots of `measured` are held out: boolean (spots,)."""
        return measured.obs["section"].isin(list(self.sections)).to_numpy()
