"""What bfloat16 changes for real patches, in a DenseNet-121 of real weights."""

import numpy as np
import pytest
import torch
from data import REAL, needs_her2st
from real_sections import OPTIONS, her2st_row

from stnet.cohorts.section import write_section
from stnet.config.engine import CpuEngine
from stnet.core.h5ad import read_h5ad
from stnet.evaluation.correlation import pearson
from stnet.expression.targets import write_targets
from stnet.networks.architectures import build_network, keep_features
from stnet.networks.engine import place
from stnet.networks.folding import fold
from stnet.networks.prediction import predict
from stnet.networks.standardisation import Standardisation, count_levels
from stnet.networks.weights import load_weights
from stnet.slides.patches import read_patches, write_index, write_patches

WEIGHTS = REAL / "weights/densenet121_typegroups.safetensors"
# Half the magnification and every third spot: without bfloat16 in the processor, this takes a
# minute as it is.
VIEW, EVERY, PENALTY = "224x2", 3, 1.0
TRAINING, HELD_OUT = "C2", "B4"

pytestmark = [needs_her2st, pytest.mark.full]


@pytest.fixture(scope="module")
def spots(tmp_path_factory):
    """Patches and expression (250 genes) of spots of two sections, by the section's name."""
    folder = tmp_path_factory.mktemp("her2st")
    sections, patches = [], []
    for name in (TRAINING, HELD_OUT):
        row = her2st_row(name)
        sections.append(folder / f"{name}.h5ad")
        patches.append(folder / f"{name}.npy")
        write_section(row, sections[-1], folder / f"{name}.tsv", **OPTIONS)
        write_patches(sections[-1], row["image"], patches[-1], view=VIEW)
    write_index(sections, patches, folder / "index.tsv", view=VIEW)
    write_targets(sections, folder / "targets.h5ad", genes=250, transform="log_fraction")
    measured = read_h5ad(folder / "targets.h5ad")
    found = {}
    for name in (TRAINING, HELD_OUT):
        some = measured[measured.obs["section"] == name]
        own = read_patches(folder / "index.tsv", some.obs_names.tolist(), [name])
        found[name] = torch.from_numpy(own[::EVERY]), np.asarray(some.X, dtype=float)[::EVERY]
    return found


def fitted(patches, expression, standardise):
    """A DenseNet-121 whose last layer is a ridge regression on the others' real weights."""
    network = build_network("densenet121", {}, expression.shape[1])
    load_weights(network, WEIGHTS)
    keep_features(network)
    with torch.inference_mode():
        outputs = network.eval()(standardise(patches)).numpy()
    features = outputs[:, expression.shape[1] :].astype(float)
    centred = features - features.mean(axis=0)
    inner = centred @ centred.T
    inner += PENALTY * np.trace(inner) / len(inner) * np.eye(len(inner))
    weight = centred.T @ np.linalg.solve(inner, expression - expression.mean(axis=0))
    bias = expression.mean(axis=0) - features.mean(axis=0) @ weight
    network.classifier.weight.data = torch.tensor(weight.T, dtype=torch.float32)
    network.classifier.bias.data = torch.tensor(bias, dtype=torch.float32)
    network.classifier.keeps_features = False
    return fold(network)


@pytest.mark.xfail(reason="0.012 in one run, so float32 is the default", strict=False)
def test_bfloat16_moves_no_genes_r(spots):
    standardise = Standardisation.of(count_levels(spots[TRAINING][0]), "cpu")
    network = fitted(*spots[TRAINING], standardise)
    patches, measured = spots[HELD_OUT]
    r = {}
    for precision in ("float32", "bfloat16"):
        forward = place(network, CpuEngine(precision=precision), "cpu")
        rows = torch.arange(len(patches))
        predicted = predict(forward, standardise, patches, rows, 16, "").numpy()
        r[precision] = pearson(predicted.T.astype(float), measured.T)
    assert len(measured) > 50
    # A network that predicts nothing would move by nothing that matters.
    assert np.nanmedian(r["float32"]) > 0.05
    moved = np.abs(r["bfloat16"] - r["float32"])
    assert 0 < np.nanmax(moved) < 0.005
