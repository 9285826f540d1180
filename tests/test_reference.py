"""The engine against the plain loop: OpenSlide, Pillow, a DataLoader, float32."""

import shutil
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from reference import Spots, densenet, loader, predict, train_epoch
from test_targets import section_file
from test_training import PLAIN, SMALL, recipe
from tiled import to_tiled_tiff
from torchvision.transforms import functional

from stnet.expression.spots import read_used_spots
from stnet.slides.patches import read_patches, write_index, write_patches
from stnet.training.run import Data, Run

N_SPOTS, N_GENES, BATCH = 10, 5, 4
# Architecture, its options, and the side of its patches.
NETWORKS = {"small": ("densenet", SMALL, 32), "DenseNet-121": ("densenet121", {}, 64)}
# What float32 leaves of a difference between two orders of summation, over two epochs of training.
ROUNDING = {"rtol": 1e-3, "atol": 2e-5}


class Both(NamedTuple):
    """A run of the engine, and the plain loop with the same weights on the same spots."""

    run: Run
    spots: Spots
    network: torch.nn.Module


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    """A section of ten spots, some of whose windows leave the image; image and tiled TIFF of it."""
    folder = tmp_path_factory.mktemp("section")
    random = np.random.default_rng(5)
    coarse = Image.fromarray(random.integers(0, 256, (30, 20, 3), dtype=np.uint8))
    coarse.resize((160, 240), Image.Resampling.BICUBIC).save(folder / "image.png")
    to_tiled_tiff(folder / "image.png", folder / "image.tif")
    counts = random.poisson(5, (N_SPOTS, 8)) + 1
    section_file(folder / "S1.h5ad", "S1", counts, [f"g{i}" for i in range(8)])
    return folder


@pytest.fixture
def both(section, request):
    """By the network's name."""
    architecture, options, side = NETWORKS[request.param]
    path, patches = section / "S1.h5ad", section / f"{side}.npy"
    write_patches(path, section / "image.png", patches, view=f"{side}x1", spot_window=side)
    write_index([path], [patches], section / "index.tsv", spot_window=side)
    used = read_used_spots(path, side)
    names = [f"S1:{name}" for name in used.obs_names]
    own = torch.from_numpy(read_patches(section / "index.tsv", names, [str(side)]))
    targets = torch.randn(N_SPOTS, N_GENES, generator=torch.Generator().manual_seed(1))
    keys = recipe(architecture=architecture, architecture_options=options, batch_size=BATCH, seed=1)
    run = Run(Data(own, targets), torch.arange(N_SPOTS), keys, "P1 final")
    centres = np.rint(used.obsm["spatial"]).astype(int).tolist()
    slides = [str(section / "image.tif")] * N_SPOTS
    plain = Spots(slides, centres, targets, [0, 0, 0], [255, 255, 255], side)
    pixels = torch.stack([functional.pil_to_tensor(plain.read(i)) for i in range(N_SPOTS)]).double()
    mean, sd = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
    plain = Spots(slides, centres, targets, mean.tolist(), sd.tolist(), side)
    return Both(run, plain, densenet(architecture, options, run.network.state_dict()))


def items(run, epoch):
    """Spots and symmetries in the order in which an epoch of the run draws them."""
    stream = torch.Generator().manual_seed(run._seed(f"epoch {epoch}"))
    order = torch.randperm(N_SPOTS, generator=stream).tolist()
    return list(zip(order, torch.randint(8, (N_SPOTS,), generator=stream).tolist(), strict=True))


@pytest.mark.parametrize("both", NETWORKS, indirect=True)
def test_training_and_prediction_equal_the_plain_loop(both):
    run, spots, network = both
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    for epoch, workers in ((1, 0), (2, 1)):
        batches = loader(spots, items(run, epoch), BATCH, workers)
        loss = train_epoch(network, optimiser, batches, "cpu") / N_SPOTS
        assert run.train_epoch(epoch) == pytest.approx(loss, rel=1e-4)
    own = run.network.state_dict()
    for name, value in network.state_dict().items():
        np.testing.assert_allclose(own[name], value, err_msg=name, **ROUNDING)
    plain = predict(network, loader(spots, [(i, None) for i in range(N_SPOTS)], BATCH, 0), "cpu")
    np.testing.assert_allclose(run.predict(torch.arange(N_SPOTS)), plain, **ROUNDING)


def trained(both, **changes):
    """Predictions of all spots after two epochs by another engine."""
    keys = vars(both.run.recipe) | {"engine": PLAIN | changes}
    run = Run(both.run.data, both.run.rows, recipe(**keys), both.run.label)
    losses = [run.train_epoch(epoch) for epoch in (1, 2)]
    return losses, run.predict(run.rows).numpy()


@pytest.mark.parametrize("both", NETWORKS, indirect=True)
@pytest.mark.parametrize("change", [{"channels_last": True}, {"prediction_batch": 7}])
def test_layout_and_batch_change_only_rounding(both, change):
    plain, other = trained(both), trained(both, **change)
    np.testing.assert_allclose(other[0], plain[0], rtol=1e-4)
    np.testing.assert_allclose(other[1], plain[1], **ROUNDING)


@pytest.mark.full
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("both", ["small"], indirect=True)
def test_compilation_changes_only_rounding(both):
    plain, other = trained(both), trained(both, compile=True)
    np.testing.assert_allclose(other[0], plain[0], rtol=1e-4)
    np.testing.assert_allclose(other[1], plain[1], **ROUNDING)


@pytest.mark.parametrize("both", NETWORKS, indirect=True)
def test_short_floats_stay_close(both):
    """bfloat16 has 8 bits: predictions may move by a twentieth of what they learned, no more."""
    plain, short = trained(both), trained(both, precision="bfloat16")
    np.testing.assert_allclose(short[0], plain[0], rtol=1e-2)
    learned = np.abs(plain[1] - both.run.data.targets.mean(dim=0).numpy())
    print(np.abs(short[1] - plain[1]).max(), np.median(learned), learned.max())
    assert np.abs(short[1] - plain[1]).max() < 0.05 * learned.max()


def test_predictions_in_short_floats_keep_the_differences_between_spots():
    """What a last layer in bfloat16 would lose: differences of 1e-4 around -9."""
    from stnet.models.architectures import build_network, set_bias

    network = build_network("densenet", SMALL, 3).eval()
    set_bias(network, torch.tensor([-9.0, -9.0, -9.0]))
    torch.nn.init.normal_(network.classifier.weight, std=1e-4)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        predicted = network(torch.randn(6, 3, 32, 32))
    assert predicted.dtype == torch.float32
    assert (predicted.std(dim=0) > 0).all()
