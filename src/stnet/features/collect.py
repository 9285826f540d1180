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
    sections have different features, those of encoders with different names, or those of another
    name.
    """
    parts = [read_h5ad(path) for path in sections]
    # Not every file of another program names its encoder.
    number = next((number for number, part in enumerate(parts) if _encoder(part)), 0)
    first, of_first = parts[number], sections[number]
    for path, part in zip(sections, parts, strict=True):
        check_name(path, part.uns, "features")
        if part.var_names.tolist() != first.var_names.tolist() or (
            _encoder(part) and _encoder(part) != _encoder(first)
        ):
            raise InputError(
                f"{path}: not the features of {of_first} ({_about(part)}, not"
                f" {_about(first)}); give features of one encoder, or delete both and rerun"
            )
    features = ad.concat([part for part in parts if part.n_obs], merge="same", uns_merge="first")
    write_h5ad(features, output, compression=None)


def _encoder(part: ad.AnnData) -> str:
    return str(part.uns["features"].get("encoder", ""))


def _about(part: ad.AnnData) -> str:
    file = part.uns["features"].get("file")
    words = [part.n_vars, _encoder(part), f"from {file}" if file else ""]
    return " ".join(str(word) for word in words if word)
