"""Fig. 3: attribute the predicted expression of a gene to the pixels of patches."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from stnet.analysis.choice import choose_gene
from stnet.analysis.interpretation.chosen_patches import choose_patches, read_predicted
from stnet.analysis.interpretation.gradients import Attribution, attribute, averaged
from stnet.config.engine import Engine
from stnet.core.checksums import recorded_path
from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table, write_table
from stnet.networks.engine import place, start
from stnet.networks.prediction import progress_bar
from stnet.networks.symmetries import N_SYMMETRIES
from stnet.slides.patches import read_chosen
from stnet.training.apply import load_model

logger = logging.getLogger(__name__)

# What the table says of each attribution.
COLUMNS = [
    *("predicted", "at_baseline", "difference", "attributed", "completeness_error", "steps"),
    "complete",
]


class HeldOut(NamedTuple):
    """Files of a held-out group: predictions, network and model card."""

    predictions: str | Path
    model: str | Path
    card: str | Path


def write_attributions(
    groups: Sequence[HeldOut],
    inputs: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    settings: Mapping,
    engine: Engine,
    device: str,
    threads: int,
) -> None:
    """Attribute the highest predictions of a gene to the pixels of their patches.

    Args:
        groups: all held-out groups; each patch is attributed by the network that never saw it.
        inputs: `index` of the view and `genes`, the gene table.
        outputs: `table`, a row per patch: `gene symbol spot patient section label x y predicted
            at_baseline difference attributed completeness_error steps complete`, predictions in
            target units; and `arrays` (.npz), in the same order: `patches` uint8
            (n, side, side, 3), `attributions` float32 (n, side, side), `spots`, `predicted` and
            `completeness` (n,), `baseline` (n, 3).
        settings: `gene`, an id or symbol; if it is None or no target, the gene with the highest
            median r. `patches`, the number of patches. `steps`, the first number of steps
            (`attribute`).
        engine: numerical settings of the device; precision is always float32 here.
        device: `cpu` or `cuda`.
        threads: CPU threads.

    Raises:
        InputError: a network does not predict the gene.
    """
    start(device, threads)
    engine = engine.model_copy(update={"precision": "float32", "compile": False})
    shown = choose_gene(read_table(inputs["genes"]), settings["gene"])
    spots = read_predicted([group.predictions for group in groups], shown["gene"])
    chosen = choose_patches(spots, settings["patches"])
    done = _attribute(
        inputs["index"], groups, shown["gene"], chosen, settings["steps"], engine, device
    )
    _, pixels, baselines, found = zip(*sorted(done, key=lambda each: each[0]), strict=True)
    with recorded_path(outputs["arrays"]) as temporary:
        np.savez_compressed(
            temporary,
            patches=np.stack(pixels),
            attributions=np.stack([each.values for each in found]),
            spots=chosen["spot"].to_numpy(dtype=str),
            predicted=np.array([each.predicted for each in found]),
            completeness=np.array([each.completeness_error for each in found]),
            baseline=np.array(baselines),
        )
    rows = chosen.drop(columns=["predicted", "group"])
    rows.insert(0, "gene", shown["gene"])
    rows.insert(1, "symbol", shown["symbol"])
    write_table(rows.join(describe(found)), outputs["table"])
    for spot, each in zip(chosen["spot"], found, strict=True):
        if not each.complete:
            logger.warning(
                f"{spot}: after {each.steps} steps the attributions miss"
                f" {each.completeness_error:.0%} of the difference they should add up to"
                " (see completeness_error in the table)"
            )


def describe(found: Sequence[Attribution]) -> pd.DataFrame:
    """A row per attribution: predictions, sum of attributions, completeness error and steps."""
    return pd.DataFrame([{name: getattr(each, name) for name in COLUMNS} for each in found])


def _attribute(
    index: str | Path,
    groups: Sequence[HeldOut],
    gene: str,
    chosen: pd.DataFrame,
    steps: int,
    engine: Engine,
    device: str,
) -> Iterator[tuple[int, np.ndarray, list[float], Attribution]]:
    """Yield row, patch, baseline and attribution of each of the `chosen` spots, group by group.

    The baseline is a uniform patch in the mean colour of the network's training patches, which is
    zero after standardisation. With a white baseline any stained pixel would get an attribution for
    being stained. Source: ours; the paper names no baseline.
    """
    with progress_bar(len(chosen), "attribute") as progress:
        for group, spots in chosen.groupby("group"):
            predicted = read_h5ad(groups[group].predictions)
            network, standardise, known = load_model(
                groups[group].model,
                groups[group].card,
                device,
                predicted.uns["provenance"]["held_out"],
            )
            if gene not in known["outputs"]:
                raise InputError(f"{groups[group].model}: does not predict {gene}; train it again")
            forward = place(network.eval().requires_grad_(False), engine, device)
            predict = averaged(forward, standardise, known["outputs"].index(gene))
            baseline = torch.tensor(standardise.mean, dtype=torch.float32, device=device)
            # Each point on the path is eight patches; this keeps to the batch size of training.
            batch_size = max(1, known["recipe"]["batch_size"] // N_SYMMETRIES)
            patches = read_chosen(index, predicted.obs["section"], spots["spot"])
            for row, patch in zip(spots.index, patches, strict=True):
                values = torch.from_numpy(patch).to(device).float()
                found = attribute(predict, values, baseline, steps, batch_size)
                yield row, patch, standardise.mean, found
                progress.update()
