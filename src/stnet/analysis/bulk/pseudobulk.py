"""Pseudo-bulk of whole slides: mean predictions per sample and patient, with their bulk."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.analysis.bulk.correlation import correlate, count_genes
from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad, write_h5ad
from stnet.core.tables import summary_table, write_table
from stnet.evaluation.averages import weighted_means
from stnet.expression.gene_matching import align
from stnet.expression.genes import read_gene_table
from stnet.inference.flags import WARNINGS

logger = logging.getLogger(__name__)

# Columns of the table of slides that come from their scale and their tiling.
SCALE = ["um_per_px", "magnification_from"]
TILING = ["candidates", "skipped", "checked", "refuted"]


def write_pseudobulk(
    slides: Sequence[str | Path],
    rows: Sequence[Mapping[str, str]],
    bulk: str | Path,
    genes: str | Path | None,
    outputs: Mapping[str, str | Path],
) -> None:
    """Write the pseudo-bulk of samples and patients, and its correlation with bulk expression.

    The pseudo-bulk of a sample is the mean over all tiles of its slides ("averaged the ST-Net
    predictions into a pseudo-bulk expression profile for each sample"). That of a patient is the
    mean over its slides, each the mean over its tiles, so that large and small slides weigh the
    same (ours; the paper does not say how slides of a patient are combined). The bulk of a patient
    is the mean over its samples that have both slides and bulk. Unreadable slides and slides
    without tiles are left out and counted.

    Args:
        slides: predictions of slides, named `{slide}.h5ad`; read one at a time.
        rows: of the slide sheet.
        bulk: a file of `stnet.analysis.bulk.expression.write_bulk`.
        genes: gene table for symbols and aliases, or None.
        outputs: paths by name:

            - `slides`, a row per slide: tiles, scale and distance from training; `unlike_training`
              names the distances that are too large, joined by commas; `refused` is why it was
              unreadable;
            - `samples` and `patients`, AnnData: X pseudo-bulk (float64); layers["observed"] bulk
              (NaN without bulk or for unmatched genes); var that of the model, with `match`; obs
              patient, histology, n_slides, n_tiles (and sample); obsm["features"], averaged like X,
              if the slides have features;
            - `alignment`, a row per gene of the model and how it was matched;
            - `genes`, a row per gene of the model: gene, symbol, match, the columns of `correlate`
              over patients, and positive;
            - `summary`, `quantity value`.

    Raises:
        InputError: the slides' predictions are of different genes, or a file is another slide's.
    """
    by_slide = {Path(path).stem: path for path in slides}
    records, means = _read_slides([(row, by_slide[row["slide"]]) for row in rows])
    measured = read_h5ad(bulk)
    alignment = align(means.var, measured.var, read_gene_table(genes))
    means.var["match"] = alignment["match"].to_numpy()
    samples = _grouped(means, "sample", means.obs["n_tiles"].to_numpy(float))
    samples.layers["observed"] = _bulk_of(samples.obs_names, measured, alignment["match"])
    patients = _grouped(means, "patient", np.ones(means.n_obs))
    patients.layers["observed"] = weighted_means(
        samples.layers["observed"], _shares(samples.obs["patient"], patients.obs_names)
    )
    found = correlate(patients.X, patients.layers["observed"])
    table = pd.concat([alignment[["gene", "symbol", "match"]], found], axis=1)
    table.insert(table.columns.get_loc("p_bh") + 1, "positive", table["pearson"] > 0)
    counts = {**_count_slides(records), **_count_groups(samples, patients), **count_genes(table)}
    logger.info(", ".join(f"{name} {value}" for name, value in counts.items() if value))
    for name, content in (("samples", samples), ("patients", patients)):
        write_h5ad(content, outputs[name], compression=None)
    write_table(records, outputs["slides"])
    write_table(alignment, outputs["alignment"])
    write_table(table, outputs["genes"])
    write_table(summary_table(counts), outputs["summary"])


def _read_slides(
    rows: Sequence[tuple[Mapping[str, str], str | Path]],
) -> tuple[pd.DataFrame, ad.AnnData]:
    """The table of slides, and the mean prediction of each slide with tiles, a row each."""
    records, means, features = [], [], []
    var, first = None, rows[0][1]
    for row, path in rows:
        slide = read_h5ad(path)
        if var is None:
            # The range is of one slide.
            var = slide.var.drop(columns="range_share", errors="ignore")
        elif not slide.var_names.equals(var.index):
            raise InputError(f"{path}: predicts other genes than {first}; predict all by one model")
        if slide.n_obs and (own := str(slide.obs["section"].iloc[0])) != row["slide"]:
            raise InputError(
                f"{path}: the predictions of slide {own}, not of {row['slide']}; delete it and"
                " rerun"
            )
        records.append(_record(row, slide))
        if slide.n_obs:
            means.append(np.asarray(slide.X).mean(axis=0, dtype=np.float64))
            features.append(slide.uns.get("features"))
    table = pd.DataFrame(records)
    used = table[table["n_tiles"] > 0].set_index("slide")
    histology = {row["slide"]: row["histology"] for row, _ in rows}
    obs = used[["patient", "sample", "n_tiles"]].assign(histology=used.index.map(histology))
    together = ad.AnnData(np.array(means).reshape(-1, len(var)), obs=obs, var=var.copy())
    known = [len(each) for each in features if each is not None]
    if known:
        missing = np.full(known[0], np.nan)
        together.obsm["features"] = np.array([missing if f is None else f for f in features])
    return table, together


def _record(row: Mapping[str, str], slide: ad.AnnData) -> dict[str, object]:
    """A row of the table of slides."""
    return {
        **{name: row[name] for name in ("slide", "patient", "sample")},
        "n_tiles": slide.n_obs,
        # An unreadable slide can lack a scale.
        **{name: slide.uns["slide"].get(name, np.nan) for name in SCALE},
        **{name: slide.uns["tiling"][name] for name in TILING},
        "unlike_training": ",".join(map(str, slide.uns["flags"])),
        **{f"far_{name}": slide.uns["training_distance"][name] for name in WARNINGS},
        "refused": slide.uns["refused"],
    }


def _grouped(slides: ad.AnnData, key: str, weights: np.ndarray) -> ad.AnnData:
    """Weighted means of slides by patient or sample (`key`); `weights` is (slides,)."""
    names = slides.obs[key].unique()
    shares = _shares(slides.obs[key], names) * weights
    columns = ["patient", "histology"] if key == "patient" else ["patient", "sample", "histology"]
    obs = slides.obs.drop_duplicates(key).set_index(key, drop=False)[columns].rename_axis(None)
    groups = slides.obs.groupby(key)["n_tiles"]
    obs["n_slides"] = groups.size().reindex(names).to_numpy()
    obs["n_tiles"] = groups.sum().reindex(names).to_numpy()
    obsm = {name: weighted_means(values, shares) for name, values in slides.obsm.items()}
    return ad.AnnData(weighted_means(slides.X, shares), obs=obs, var=slides.var, obsm=obsm)


def _shares(groups: pd.Series, names: Sequence[str]) -> np.ndarray:
    """Membership matrix (groups, rows): 1 if a row is in a group, else 0."""
    return np.equal.outer(np.asarray(names, dtype=object), groups.to_numpy(dtype=object)).astype(
        float
    )


def _bulk_of(samples: pd.Index, bulk: ad.AnnData, match: pd.Series) -> np.ndarray:
    """Bulk expression of samples for the model's genes, float64, NaN if missing."""
    rows, columns = bulk.obs_names.get_indexer(samples), bulk.var_names.get_indexer(match)
    values = np.full((len(rows), len(columns)), np.nan)
    present = np.ix_(rows >= 0, columns >= 0)
    values[present] = bulk.X[np.ix_(rows[rows >= 0], columns[columns >= 0])]
    return values


def _count_slides(records: pd.DataFrame) -> dict[str, object]:
    refused = records["refused"] != ""
    return {
        "slides": int((records["n_tiles"] > 0).sum()),
        "slides_refused": int(refused.sum()),
        "slides_without_tiles": int((~refused & (records["n_tiles"] == 0)).sum()),
        "slides_unlike_training": int((records["unlike_training"] != "").sum()),
        "tiles": int(records["n_tiles"].sum()),
    }


def _count_groups(samples: ad.AnnData, patients: ad.AnnData) -> dict[str, object]:
    has_bulk = np.isfinite(patients.layers["observed"]).any(axis=1)
    return {
        "samples": samples.n_obs,
        "patients": patients.n_obs,
        "patients_with_bulk": int(has_bulk.sum()),
    }
