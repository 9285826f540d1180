"""Apply a trained model to a section with measured expression, such as 10x Visium."""

import logging
from collections import Counter
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.core.errors import InputError
from stnet.core.tables import write_table
from stnet.evaluation.correlation import pearson
from stnet.expression.gene_matching import align
from stnet.expression.genes import read_gene_table
from stnet.expression.predictions import write_predictions
from stnet.expression.spots import check_image, read_used_spots, spot_names
from stnet.expression.targets import section_expression
from stnet.inference.account import range_share
from stnet.inference.flags import enlarged
from stnet.inference.model import Model
from stnet.inference.training_distance import TrainingDistance, is_far
from stnet.slides.blank import all_counts, count_blank, report_blank
from stnet.slides.image import open_image
from stnet.slides.windows import input_window, windows

logger = logging.getLogger(__name__)


def predict_section(
    section: str | Path,
    model: Model,
    output: str | Path,
    alignment: str | Path,
    *,
    scale: str,
    genes: str | Path | None,
) -> None:
    """Predict every used spot of a section and write it beside the measurement.

    Args:
        section: a file of `stnet.cohorts.section.write_section`.
        model: used as it is ("without any modification or tuning").
        output: predictions file; genes that the section does not measure are missing in
            `layers["observed"]`. `var` has `range_share` (`stnet.inference.account`) and `pearson`,
            r over the section's spots. The measurement is normalised like the training targets,
            with as many pseudo-counts as the section has genes (Methods, "normalized as per our
            original breast cancer ST-Net data").
        alignment: output, a row per gene of the model and how it was matched.
        scale: `micrometres` or `pixels` (`input_window`).
        genes: gene table for symbols and aliases, or None.

    Raises:
        InputError: no image, or none of the model's genes is measured.
    """
    spots = read_used_spots(section).copy()
    slide = spots.uns["slide"]
    if not slide["path"]:
        raise InputError(f"{section}: has no image to predict from; name it in the section sheet")
    table = align(model.genes, spots.var, read_gene_table(genes))
    lost = int((table["match"] == "").sum())
    logger.info(f"{lost} of {len(table)} genes of the model are not measured")
    if lost == len(table):
        own, theirs = (names.iloc[0] for names in (spots.var["symbol"], model.genes["symbol"]))
        raise InputError(
            f"{section}: measures none of the model's genes: it has {own or spots.var_names[0]},"
            f" …, and the model {theirs}, …; name genes alike, or give the model of these genes"
        )
    um_per_px = float(slide["um_per_px"])
    window, side = input_window(
        scale,
        window=model.window,
        downsampling=model.downsampling,
        trained_um_per_px=model.um_per_px,
        um_per_px=um_per_px,
    )
    slide["checks"] = [*spots.uns["checks"]["warnings"], *enlarged(window, side)]
    distance = TrainingDistance(model.um_per_px, um_per_px * window / side)
    predicted = np.empty((spots.n_obs, len(model.genes)), dtype=np.float32)
    sd, symmetry_sd = np.empty_like(predicted), np.empty_like(predicted)
    ood_score = np.empty(spots.n_obs, dtype=np.float32)
    blank: Counter[str] = Counter()
    centres = np.rint(spots.obsm["spatial"]).astype(int)
    with open_image(slide["path"]) as image:
        check_image(section, slide["path"])
        for rows, patches in windows(image, centres, window, side, model.batch(side)):
            found = model.apply(patches)
            predicted[rows], ood_score[rows] = found.predicted, found.ood_score
            symmetry_sd[rows] = found.symmetry_sd
            if found.sd is not None:
                sd[rows] = found.sd
            distance.add(found.stain, found.latent)
            blank += count_blank(patches)
    distance.report(Path(section).stem)
    report_blank(Path(section).stem, blank, spots.n_obs)
    measured = _measured(spots, model, table)
    measured.var["range_share"] = range_share(predicted, model.genes)
    # NaN for a gene that is not measured; of two spots it would be 1 or -1.
    r = pearson(predicted.T, measured.X.T)
    measured.var["pearson"] = r if spots.n_obs > 2 else np.nan
    provenance = {
        **model.provenance(),
        **{"scale": scale, "window": window, "side": side},
        **{"training_distance": distance.summary(), "flags": distance.flags()},
        "blank_patches": all_counts(blank),
    }
    abstained = is_far(ood_score)
    measured.obs["abstained"], measured.obs["ood_score"] = abstained, ood_score
    layers = {"symmetry_sd": symmetry_sd} | ({"sd": sd} if model.is_ensemble else {})
    layers |= model.bounds(predicted, abstained | bool(distance.flags()))
    write_predictions(output, measured, predicted, provenance, layers=layers)
    write_table(table, alignment)


def _measured(spots: ad.AnnData, model: Model, table: pd.DataFrame) -> ad.AnnData:
    """Measured expression of the model's genes in target units, missing if not measured."""
    found = (table["match"] != "").to_numpy()
    values = np.full((spots.n_obs, len(table)), np.nan)
    values[:, found] = section_expression(
        spots, table.loc[found, "match"].tolist(), spots.n_vars, model.transform
    )
    obs = spots.obs.copy()
    obs.index = spot_names(spots)
    return ad.AnnData(
        values.astype(np.float32),
        obs=obs,
        var=model.genes.assign(match=table["match"].to_numpy()),
        obsm={"spatial": np.asarray(spots.obsm["spatial"])},
        uns={
            "targets": {"transform": model.transform, "universe": spots.n_vars},
            **{part: spots.uns[part] for part in ("slide", "spatial", "grid")},
        },
    )
