"""Collect the features of a cohort in one file."""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad

from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad, write_h5ad
from stnet.expression.names import check_name


def collect_features(sections: Sequence[str | Path], output: str | Path) -> None:
    """Write the features of all sections, in the given order, as one file of the same form.

    If the job of every held-out group listed every section's file, Snakemake would have to check
    patients x sections files. `uns["features"]` is that of the first section. Raises InputError if
    sections have different features, or are those of another name.
    """
    parts = [read_h5ad(path) for path in sections]
    for path, part in zip(sections, parts, strict=True):
        check_name(path, part.uns, "features")
        if part.var_names.tolist() != parts[0].var_names.tolist():
            raise InputError(f"{path}: not the features of {sections[0]}; delete both and rerun")
    features = ad.concat([part for part in parts if part.n_obs], merge="same", uns_merge="first")
    write_h5ad(features, output, compression=None)
