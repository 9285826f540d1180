"""The latent space: the inputs of the network's last layer, one vector per held-out spot."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anndata as ad
from anndata.io import read_elem

from stnet.core.errors import InputError
from stnet.core.h5ad import open_h5ad
from stnet.evaluation.held_out import read_predictions


def read_latent(predictions: Sequence[str | Path]) -> ad.AnnData:
    """Read the predictions of all held-out groups as one (`read_predictions`), with their latents.

    `obsm["latent"]` is float32 (spots, width), of the network that held the spot's group out: "a
    1,024-dimensional real-valued vector for each spot" (Results). It is averaged over the patch's
    eight symmetries, like the prediction (ours; the released code uses the patch as it is). Each
    group's network has its own latent space, so only spots within a group can be compared. Raises
    InputError if a group has no latents, or if a patient is in several groups.
    """
    groups = Counter()
    for path in predictions:
        with open_h5ad(path) as file:
            if "latent" not in file["obsm"]:
                raise InputError(
                    f"{path}: no latent vectors in it; delete it to predict its spots again"
                )
            groups.update(set(read_elem(file["obs/patient"])))
    for patient, n_groups in groups.items():
        if n_groups > 1:
            raise InputError(
                f"patient {patient} is held out in {n_groups} groups, by networks with different"
                " latent spaces; set cohorts.*.report.latent to null, or split by patients"
            )
    return read_predictions(predictions)
