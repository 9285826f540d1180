"""The engine against the plain loop: OpenSlide, Pillow, a DataLoader, float32."""

import copy
import dataclasses
import shutil
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
import torch
from networks import PLAIN, SMALL, recipe
from PIL import Image
from reference import Spots, build, loader, predict, train_epoch
from sections import section_file
from tiled import to_tiled_tiff
from torchvision.transforms import functional

from stnet.config.engine import Engine
from stnet.expression.spots import read_used_spots
from stnet.networks.architectures import build_network, set_bias
from stnet.networks.data import Data
from stnet.networks.engine import place
from stnet.networks.prediction import predict as predict_fast
from stnet.slides.patches import read_patches, write_index, write_patches
from stnet.training.run import Run

N_SPOTS, N_GENES, BATCH, RATE = 10, 5, 4, 1e-3
# Architecture, its options, and the side of its patches.
NETWORKS = {"small": ("densenet", SMALL, 32), "DenseNet-121": ("densenet121", {}, 64)}
# What is left of a difference between two orders of summation in float32 after two epochs.
EPSILON = 1e-6
ROUNDING = {"rtol": 1e-3, "atol": 1e-4}

COMPILED = [
    pytest.mark.full,
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler"),
]


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
    path, view = section / "S1.h5ad", section / f"{side}x1"
    view.mkdir(exist_ok=True)
    write_patches(path, section / "image.png", view / "S1.npy", view=view.name)
    write_index([path], [view / "S1.npy"], view / "index.tsv", view=view.name)
    used = read_used_spots(path)
    names = [f"S1:{name}" for name in used.obs_names]
    own = torch.from_numpy(read_patches(view / "index.tsv", names, ["S1"]))
    targets = torch.randn(N_SPOTS, N_GENES, generator=torch.Generator().manual_seed(1))
    keys = recipe(
        architecture=architecture,
        architecture_options=options,
        batch_size=BATCH,
        seed=1,
        learning_rate=RATE,
    )
    run = Run(Data(own, targets), torch.arange(N_SPOTS), keys, "P1 final")
    centres = np.rint(used.obsm["spatial"]).astype(int).tolist()
    slides = [str(section / "image.tif")] * N_SPOTS
    plain = Spots(slides, centres, targets, [0, 0, 0], [255, 255, 255], side)
    pixels = torch.stack([functional.pil_to_tensor(plain.read(i)) for i in range(N_SPOTS)]).double()
    mean, sd = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
    plain = Spots(slides, centres, targets, mean.tolist(), sd.tolist(), side)
    network = build(architecture, options, N_GENES)
    network.load_state_dict(run.network.state_dict())
    return Both(run, plain, network)


def items(run, epoch):
    """Spots and symmetries in the order in which an epoch of the run draws them."""
    stream = torch.Generator().manual_seed(run._seed(f"epoch {epoch}"))
    order = torch.randperm(N_SPOTS, generator=stream).tolist()
    return list(zip(order, torch.randint(8, (N_SPOTS,), generator=stream).tolist(), strict=True))


def trained_plainly(both, dtype):
    """Losses, state and predictions of the plain loop after two epochs."""
    run, spots, network = both
    network = copy.deepcopy(network).to(dtype)
    spots = dataclasses.replace(spots, dtype=dtype)
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9)
    losses = []
    for epoch in (1, 2):
        # In this process: a fork of one with threads may hang.
        batches = loader(spots, items(run, epoch), BATCH, 0)
        losses.append(train_epoch(network, optimiser, batches, "cpu") / N_SPOTS)
    whole = loader(spots, [(spot, None) for spot in range(N_SPOTS)], BATCH, 0)
    return losses, network.state_dict(), predict(network, whole, "cpu")


@pytest.mark.parametrize("both", NETWORKS, indirect=True)
def test_training_and_prediction_equal_the_plain_loop(both):
    """As near to the plain loop in float64 as the plain loop in float32 is, or nearly."""
    begin = {name: value.double() for name, value in both.network.state_dict().items()}
    exact, plain = trained_plainly(both, torch.float64), trained_plainly(both, torch.float32)
    losses = [both.run.train_epoch(epoch) for epoch in (1, 2)]
    np.testing.assert_allclose(losses, exact[0], rtol=1e-4)
    own = both.run.network.state_dict()
    for name, value in exact[1].items():
        if not value.is_floating_point():
            assert own[name] == value, name
            continue
        error = (own[name].double() - value).norm()
        usual = (plain[1][name].double() - value).norm()
        assert error <= 4 * usual + EPSILON * value.norm(), name
        # What training changed is small beside the weights: the test must see it.
        assert error <= 0.2 * (value - begin[name]).norm() + EPSILON * value.norm(), name
    predicted = both.run.predict(torch.arange(N_SPOTS))
    np.testing.assert_allclose(predicted, exact[2], **ROUNDING)


def trained(both, **changes):
    """Predictions of all spots after two epochs by another engine."""
    keys = vars(both.run.recipe) | {"engine": PLAIN | changes}
    run = Run(both.run.data, both.run.rows, recipe(**keys), both.run.label)
    losses = [run.train_epoch(epoch) for epoch in (1, 2)]
    return losses, run.predict(run.rows).numpy()


@pytest.mark.parametrize(
    ("both", "change"),
    [
        *product(NETWORKS, [{"channels_last": True}, {"prediction_batch": 7}]),
        pytest.param("small", {"compile": True}, marks=COMPILED),
    ],
    indirect=["both"],
)
def test_layout_batch_and_compilation_change_only_rounding(both, change):
    plain, other = trained(both), trained(both, **change)
    np.testing.assert_allclose(other[0], plain[0], rtol=1e-4)
    np.testing.assert_allclose(other[1], plain[1], **ROUNDING)


@pytest.mark.parametrize("both", [pytest.param("small", marks=COMPILED)], indirect=True)
def test_a_compiled_run_goes_on_with_the_same_bits(both):
    """Ten spots in batches of four: the last is a short one, which has its own code."""
    keys = vars(both.run.recipe) | {"engine": PLAIN | {"compile": True}}

    def fresh():
        return Run(both.run.data, both.run.rows, recipe(**keys), both.run.label)

    whole = fresh()
    whole.train_epoch(1)
    state = {name: value.clone() for name, value in whole.state().items()}
    loss = whole.train_epoch(2)
    restored = fresh()
    restored.restore(state)
    assert restored.train_epoch(2) == loss
    for name, value in whole.state().items():
        assert torch.equal(restored.state()[name], value), name


@pytest.mark.parametrize(
    "both", ["small", pytest.param("DenseNet-121", marks=pytest.mark.full)], indirect=True
)
def test_short_floats_stay_close(both):
    """bfloat16 has 8 bits: predictions move by a small part of what was learned."""
    plain, short = trained(both), trained(both, precision="bfloat16")
    np.testing.assert_allclose(short[0], plain[0], rtol=1e-2)
    learned = np.abs(plain[1] - both.run.data.targets.mean(dim=0).numpy()).max()
    assert 0 < np.abs(short[1] - plain[1]).max() < 0.1 * learned
    # The same weights: only the way through the network is shorter.
    run = both.run
    run.train_epoch(1)
    engine = Engine(**PLAIN | {"precision": "bfloat16"})
    forward = place(run.network.eval(), engine, "cpu")
    patches = run.data.patches
    shortly = predict_fast(forward, run.standardise, patches, run.rows, 4, "").numpy()
    wholly = run.predict(run.rows).numpy()
    learned = np.abs(wholly - both.run.data.targets.mean(dim=0).numpy()).max()
    assert 0 < np.abs(shortly - wholly).max() < 0.02 * learned


def test_predictions_in_short_floats_keep_the_differences_between_spots():
    """What a last layer in bfloat16 would lose: differences of 1e-4 around -9."""
    # A small network gives all images the same features for some draws of its weights.
    network = build_network("densenet121", {}, 3).eval()
    set_bias(network, torch.tensor([-9.0, -9.0, -9.0]))
    torch.nn.init.normal_(network.classifier.weight, std=1e-4)
    patches = torch.randn(6, 3, 32, 32)
    with torch.no_grad():
        wholly = network(patches)
        with torch.autocast("cpu", torch.bfloat16):
            predicted = network(patches)
    assert predicted.dtype == torch.float32
    assert (wholly.std(dim=0) > 0).all()
    torch.testing.assert_close(predicted.std(dim=0), wholly.std(dim=0), rtol=0.2, atol=2e-6)


def test_older_and_newer_flags_of_precision_agree_whatever_was_set_before():
    backends = torch.backends
    for precision in ("float32", "tf32", "bfloat16", "tf32", "float32"):
        place(torch.nn.Identity(), Engine(**PLAIN | {"precision": precision}), "cpu")
        short = precision == "tf32"
        assert backends.cudnn.conv.fp32_precision == ("tf32" if short else "ieee")
        # As libraries do that know the older flags only.
        assert backends.cudnn.allow_tf32 == short
        with backends.cudnn.flags(benchmark=False, allow_tf32=True):
            assert backends.cudnn.allow_tf32
        assert backends.cudnn.allow_tf32 == short
        assert backends.cuda.matmul.fp32_precision == "ieee"
        assert not backends.cuda.matmul.allow_tf32
        assert torch.get_float32_matmul_precision() == "highest"
