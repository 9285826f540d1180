"""Do two clusters in the latent space separate tumour from normal spots?"""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from stnet.analysis.latent.space import read_latent
from stnet.config.strata import CLASSES
from stnet.core.tables import write_table

CLUSTERS = 2
# Starts of k-means; the best is kept.
STARTS = 10
COLUMNS = ["patient", "n_tumour", "n_normal", "majority", "n_cluster", "purity", "ari"]


def write_purity(predictions: Sequence[str | Path], output: str | Path, *, seed: int) -> None:
    """Write `purity_by_patient` of the predictions of all held-out groups."""
    write_table(purity_by_patient(read_latent(predictions), seed), output)


def purity_by_patient(spots: ad.AnnData, seed: int) -> pd.DataFrame:
    """A row per patient: labelled spots, majority share, and purity and Rand index of 2-means.

    K-means with two clusters on the unscaled latents ("on the latent deep features", Results) of
    the patient's labelled spots, sections pooled. `purity` is the share of spots in the majority
    class of their cluster. Any clustering has a purity of at least `majority`, the share of the
    larger class, so `majority` and the adjusted Rand index (0 by chance, 1 for a perfect match) are
    given too (ours). `n_cluster` is the number of spots in the smaller cluster. With a single class
    purity is always 1 and the index 0. With fewer than two labelled spots all are missing.
    """
    labels = spots.obs["label"].astype(object).to_numpy()
    patients = spots.obs["patient"].astype(str).to_numpy()
    rows = []
    for patient in pd.unique(patients):
        of_patient = (patients == patient) & np.isin(labels, CLASSES)
        sizes = [(labels[of_patient] == name).sum() for name in CLASSES]
        found = (np.nan,) * 4
        if sum(sizes) >= CLUSTERS:
            of_clusters = two_means(spots.obsm["latent"][of_patient], labels[of_patient], seed)
            found = (max(sizes) / sum(sizes), *of_clusters)
        rows.append((patient, *sizes, *found))
    return pd.DataFrame(rows, columns=COLUMNS)


def two_means(latent: np.ndarray, labels: np.ndarray, seed: int) -> tuple[int, float, float]:
    """Two clusters of `latent` (spots, width) against the labels.

    Returns the size of the smaller cluster, the purity and the adjusted Rand index.
    """
    means = KMeans(n_clusters=CLUSTERS, n_init=STARTS, random_state=seed)
    clusters = means.fit_predict(latent)
    together = contingency_matrix(labels, clusters)
    purity = together.max(axis=0).sum() / len(labels)
    smaller = np.bincount(clusters, minlength=CLUSTERS).min()
    return int(smaller), purity, adjusted_rand_score(labels, clusters)


def shuffled_labels(
    patients: pd.DataFrame, draws: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Purity and Rand index if each patient's labels are shuffled among its spots.

    `patients` is the table of `purity_by_patient`. Both are (draws, patients). The clusters stay,
    so the number of tumour spots in the smaller one is hypergeometric.
    """
    tumour, normal, size = (
        patients[name].to_numpy(dtype=int) for name in ("n_tumour", "n_normal", "n_cluster")
    )
    drawn = random.hypergeometric(tumour, normal, size, size=(draws, len(patients)))
    cells = np.stack([drawn, size - drawn, tumour - drawn, normal - size + drawn])
    total = tumour + normal
    purity = (np.maximum(*cells[:2]) + np.maximum(*cells[2:])) / total

    def pairs(*counts: np.ndarray) -> np.ndarray:
        return sum(n * (n - 1) / 2 for n in counts)

    of_labels, of_clusters = pairs(tumour, normal), pairs(size, total - size)
    expected = of_labels * of_clusters / pairs(total)
    room = (of_labels + of_clusters) / 2 - expected
    # One class in one cluster is a perfect match, as in scikit-learn.
    ari = np.divide(pairs(*cells) - expected, room, out=np.ones(drawn.shape), where=room > 0)
    return purity, ari
