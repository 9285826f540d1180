"""The arguments that all jobs of a held-out group share."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import anndata as ad
import numpy as np

from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.expression.names import check_name


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

    def read_targets(self, path: str | Path) -> ad.AnnData:
        """Read the targets.

        Raises InputError if they were fitted without other sections than the held-out ones, are in
        the folder of other targets, or if a value is infinite or not a number.
        """
        measured = read_h5ad(path)
        check_name(path, measured.uns, "targets")
        fitted_without = set(measured.uns["targets"]["held_out_sections"])
        if fitted_without and fitted_without != set(self.sections):
            raise InputError(
                f"{path}: targets of another held-out group, fitted without"
                f" {', '.join(sorted(fitted_without))}; delete it and rerun"
            )
        if not np.isfinite(measured.X).all():
            raise InputError(f"{path}: has targets that are no finite numbers; delete it and rerun")
        return measured

    def is_held_out(self, measured: ad.AnnData) -> np.ndarray:
        """Whether each spot of `measured` is held out: boolean (spots,)."""
        return measured.obs["section"].isin(list(self.sections)).to_numpy()
