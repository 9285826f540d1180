"""Made predictions of slides, as `predict_slide` writes them."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.core.h5ad import write_h5ad

ROW = {
    **dict.fromkeys(["file", "file_id", "md5", "size", "expression"], ""),
    **{"histology": "8500/3", "expression_md5": "", "expression_size": ""},
}


def row(patient: str, sample: str, slide: str, **columns: str) -> dict[str, str]:
    """A row of the slide sheet."""
    return {**ROW, "patient": patient, "sample": sample, "slide": slide, **columns}


def write_tiles(
    folder: Path,
    of: dict[str, str],
    values: np.ndarray,
    genes: pd.DataFrame,
    *,
    features: np.ndarray | None = None,
    refused: str = "",
    flags: tuple[str, ...] = (),
) -> Path:
    """Write the predictions of the slide of a row: `values` are (tiles, genes)."""
    n = len(values)
    slide = {"path": f"{of['slide']}.svs"}
    if not refused:
        slide |= {"um_per_px": 0.5, "magnification_from": "mpp"}
    predictions = ad.AnnData(
        np.asarray(values, dtype=np.float32),
        obs=pd.DataFrame(
            {"patient": of["patient"], "sample": of["sample"], "section": of["slide"]},
            index=[f"{of['slide']}:{tile}" for tile in range(n)],
            dtype="category",
        ),
        var=genes,
        uns={
            "slide": slide,
            "tiling": {"candidates": n + 3, "skipped": 3, "checked": 2, "refuted": 1},
            "training_distance": {"stain": 0.5, "latent": float("nan"), "um_per_px": 1.0},
            "flags": list(flags),
            "refused": refused,
        },
    )
    if features is not None:
        predictions.uns["features"] = np.asarray(features, dtype=np.float32)
    path = folder / f"{of['slide']}.h5ad"
    write_h5ad(predictions, path)
    return path


def gene_table(*symbols: str) -> pd.DataFrame:
    """The genes of a model: ids `ENSG1`, …, and these symbols."""
    ids = [f"ENSG{number}" for number in range(1, len(symbols) + 1)]
    genes = {"symbol": symbols, "ensembl": ids, "consistent": True, "n_patients": 8}
    return pd.DataFrame(genes, index=ids)
