"""Architectures of torchvision in training, and how deep they are trained."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from networks import PLAIN, SMALL, recipe
from torchvision import models

from stnet.core.errors import InputError
from stnet.networks.architectures import build_network, freeze, head_name, keep_features
from stnet.networks.data import Data
from stnet.networks.weights import load_weights
from stnet.training.run import Run

# Least side of a patch in pixels, width of the last layer's inputs, and a rate that a step stands.
LEAST = {
    "alexnet": (63, 4096, 1.0),
    "vgg11": (32, 4096, 1e-2),
    "resnet18": (33, 512, 1e-3),
    "resnet50": (33, 2048, 1e-3),
    "inception_v3": (75, 2048, 1e-3),
    "googlenet": (33, 1024, 1e-3),
    "densenet169": (32, 1664, 1e-3),
    "densenet201": (32, 1920, 1e-3),
}
ROWS = torch.arange(4)


@pytest.fixture(autouse=True)
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def flat_patches(side):
    """Four patches of one colour each: alike under every symmetry, so that losses can be compared.

    Two genes follow the colours.
    """
    levels = torch.tensor([10, 90, 170, 250])
    patches = levels.to(torch.uint8).view(4, 1, 1, 1).expand(4, side, side, 3).contiguous()
    rising = levels / 100 - 9
    return Data(patches, torch.stack([rising, -rising - 18], dim=1))


def noise():
    """Four patches of noise, which every layer's weights and averages take notice of."""
    random = np.random.default_rng(0)
    patches = torch.from_numpy(random.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8))
    return Data(patches, torch.from_numpy(random.normal(-9, 1, (4, 2)).astype(np.float32)))


def trained(architecture, side, epochs=2, **changes):
    """A run after its epochs, and its losses."""
    keys = {"architecture": architecture, "architecture_options": {}, **changes}
    run = Run(flat_patches(side), ROWS, recipe(**keys), "P1 final")
    return run, [run.train_epoch(epoch) for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize(
    "architecture",
    # Of VGG-11 the weights alone take half a gigabyte.
    [pytest.param(name, marks=[pytest.mark.full] * (name == "vgg11")) for name in LEAST],
)
def test_a_step_at_the_least_side(architecture):
    side, width, rate = LEAST[architecture]
    run, losses = trained(architecture, side, learning_rate=rate)
    # The first loss is that of the training means, which the last layer starts at.
    variance = run.data.targets.var(dim=0, correction=0).mean().item()
    assert losses[0] == pytest.approx(variance, rel=1e-5)
    assert losses[1] < 0.999 * losses[0]
    predicted = run.predict(ROWS)
    assert predicted.shape == (4, 2)
    assert predicted.isfinite().all()
    keep_features(run.network)
    with_features = run.predict(ROWS)
    assert with_features.shape == (4, 2 + width)
    torch.testing.assert_close(with_features[:, :2], predicted)


@pytest.mark.parametrize(
    ("architecture", "side"),
    [("alexnet", 62), ("inception_v3", 74), ("densenet169", 16)],
)
def test_a_side_that_is_too_small_is_said_in_one_line(architecture, side):
    with pytest.raises(InputError, match=f"view: {architecture} .* {side} x {side}") as caught:
        trained(architecture, side)
    assert "\n" not in str(caught.value)


def test_auxiliary_classifiers_are_left_out_and_not_loaded(tmp_path):
    sources = {
        "inception_v3": models.inception_v3(aux_logits=True, init_weights=False),
        "googlenet": models.googlenet(aux_logits=True, init_weights=False),
    }
    for name, source in sources.items():
        torch.save(source.state_dict(), tmp_path / f"{name}.pth")
        network = build_network(name, {}, 2)
        load_weights(network, tmp_path / f"{name}.pth")
        state = source.state_dict()
        own = {n: v for n, v in network.state_dict().items() if not n.startswith("fc.")}
        assert len(own) < len(state) - 2
        assert all(torch.equal(value, state[n]) for n, value in own.items())
        with pytest.raises(InputError, match="aux_logits: auxiliary classifiers"):
            build_network(name, {"aux_logits": True}, 2)


def test_inception_sees_what_its_imagenet_weights_expect():
    """Standardised patches, mean 0 and s.d. 1, on torchvision's scale of that network."""
    network = build_network("inception_v3", {}, 2)
    assert network.transform_input
    assert not build_network("inception_v3", {"transform_input": False}, 2).transform_input
    standard = torch.randn(2, 3, 8, 8)
    # From ImageNet's constants back to pixels in 0 … 1, and from these to -1 … 1.
    mean, sd = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = standard * sd.view(3, 1, 1) + mean.view(3, 1, 1)
    torch.testing.assert_close(network._transform_input(standard), 2 * pixels - 1)


def test_dropout_draws_from_the_runs_own_stream():
    def weights():
        torch.rand(1)
        run, losses = trained("densenet", 32, architecture_options={**SMALL, "drop_rate": 0.5})
        return losses, torch.cat([p.detach().flatten() for p in run.network.parameters()])

    (first, one), (second, other) = weights(), weights()
    assert first == second
    assert torch.equal(one, other)


def changed(run, before):
    """Entries of the network's state that are others than they were."""
    after = run.network.state_dict()
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize(
    ("modules", "prefixes"),
    [
        ([], ("classifier.",)),
        (["classifier"], ("classifier.",)),
        (
            ["features.denseblock4", "features.norm5"],
            ("classifier.", "features.denseblock4.", "features.norm5."),
        ),
        (["features"], ("classifier.", "features.")),
    ],
)
def test_only_the_named_modules_are_trained(modules, prefixes):
    data = noise()
    run = Run(data, ROWS, recipe(trained=modules, learning_rate=0.1), "P1 final")
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    # Twice: in the first step the last layer's zero weights pass nothing back.
    for epoch in (1, 2):
        run.train_epoch(epoch)
    expected = {name for name in before if name.startswith(prefixes)}
    assert changed(run, before) == expected
    momentum = {name for name in run.state() if name.startswith("optimiser.")}
    parameters = dict(run.network.named_parameters())
    assert momentum == {
        f"optimiser.momentum_buffer.{name}" for name in expected if name in parameters
    }


def test_training_the_last_layer_only_is_regression_on_frozen_features():
    """By hand: features in evaluation mode, a step on the last layer's weights and bias."""
    data = flat_patches(32)
    run = Run(data, ROWS, recipe(trained=[], momentum=0.0, batch_size=4), "P1 final")
    plain = build_network("densenet", SMALL, 2)
    plain.load_state_dict(run.network.state_dict())
    keep_features(plain)
    with torch.no_grad():
        found = plain.eval()(run.standardise(data.patches))
    errors, features = (found[:, :2] - data.targets).numpy(), found[:, 2:].numpy()
    run.train_epoch(1)
    weight = -1e-3 * errors.T @ features  # two genes: the mean over genes halves the two
    bias = data.targets.mean(dim=0).numpy() - 1e-3 * errors.sum(axis=0)
    np.testing.assert_allclose(run.network.classifier.weight.detach(), weight, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(run.network.classifier.bias.detach(), bias, rtol=1e-6)


def test_a_run_of_few_trained_modules_is_restored():
    data = noise()
    options = recipe(trained=["features.denseblock4"])
    whole = Run(data, ROWS, options, "P1 final")
    whole.train_epoch(1)
    state = {name: value.clone() for name, value in whole.state().items()}
    second = whole.train_epoch(2)
    restored = Run(data, ROWS, options, "P1 final")
    restored.restore(state)
    assert restored.train_epoch(2) == second
    assert whole.state().keys() == restored.state().keys()
    for name, value in whole.state().items():
        assert torch.equal(restored.state()[name], value), name


def test_all_named_is_the_same_as_all():
    data = noise()
    runs = [
        Run(data, ROWS, recipe(trained=modules), "P1 final")
        for modules in ("all", ["features", "classifier"])
    ]
    for run in runs:
        run.train_epoch(1)
    states = [run.state() for run in runs]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("features.denseblok4", "is it features.denseblock4"),
        ("features.relu0", "'features.relu0' is not a module with weights"),
        ("", "'' is not a module with weights"),
        ("layer4", "'layer4' is not a module"),
    ],
)
def test_unknown_modules_are_refused(name, message):
    network = build_network("densenet", SMALL, 2)
    with pytest.raises(InputError, match=f"trained: .*{message}") as caught:
        freeze(network, ["classifier", name])
    assert "\n" not in str(caught.value)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_prediction_after_frozen_training_uses_running_averages():
    run, _ = trained("densenet", 32, architecture_options=SMALL, trained=["features.denseblock4"])
    assert PLAIN["prediction_batch"] == len(ROWS)
    one_by_one = torch.cat([run.predict(row[None]) for row in ROWS])
    torch.testing.assert_close(one_by_one, run.predict(ROWS), rtol=1e-4, atol=1e-4)
    assert head_name(run.network) == "classifier"


def test_networks_are_imported_without_torchs_compiler_which_is_there_when_it_is_called():
    code = """import sys
from stnet.networks import architectures, encoders, folding, imagenet
print("torch._dynamo" in sys.modules)
from torchvision.ops.roi_align import is_compile_supported
found = is_compile_supported("cpu")
from torch._dynamo.utils import is_compile_supported
print(found == is_compile_supported("cpu"))"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\nTrue\n", done.stdout + done.stderr
