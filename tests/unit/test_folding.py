"""Networks with fewer operations predict what they did, to rounding."""

import copy
import threading

import pytest
import torch
from networks import PLAIN, SMALL
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from stnet.config.engine import Engine
from stnet.networks.architectures import build_network, keep_features
from stnet.networks.engine import place
from stnet.networks.folding import fold
from stnet.networks.prediction import predict
from stnet.networks.standardisation import Standardisation
from stnet.networks.symmetries import apply_symmetry


def network(architecture, options):
    """A network whose batch norms do something, in evaluation mode."""
    torch.manual_seed(0)
    made = build_network(architecture, options, 3).eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias, std=0.3)
    nn.init.normal_(made.get_submodule("classifier").weight)
    keep_features(made)
    return made


def cost(made, images):
    """Outputs, operations of the convolutions, and batch norms that are computed."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        outputs = made(images)
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in made.modules())
    return outputs, counter.get_total_flops(), norms


@pytest.mark.parametrize(
    ("architecture", "options"),
    [("densenet", SMALL), ("densenet121", {}), ("densenet121", {"memory_efficient": True})],
)
def test_a_folded_network_gives_the_same_with_less(architecture, options):
    whole = network(architecture, options)
    images = torch.randn(2, 3, 64, 64)
    before = cost(whole, images)
    after = cost(fold(copy.deepcopy(whole)), images)
    torch.testing.assert_close(after[0], before[0], rtol=1e-4, atol=1e-4)
    assert after[1] < before[1]
    # Left are the first of each dense layer, that of each transition, and the last.
    n_layers = sum("norm2" in name.split(".") for name, _ in whole.named_modules())
    assert (before[2], after[2]) == (2 * n_layers + 5, n_layers + 4)


def test_the_transitions_of_densenet121_take_a_quarter():
    """56², 28² and 14² pixels by the channels before and after, twice for multiply and add."""
    whole = network("densenet121", {})
    images = torch.zeros(1, 3, 224, 224)
    saved = cost(whole, images)[1] - cost(fold(whole), images)[1]
    transitions = sum(2 * (s**2) * c * c // 2 for s, c in ((56, 256), (28, 512), (14, 1024)))
    assert saved == transitions * 3 // 4


def test_other_networks_stay_as_they_are():
    other = build_network("resnet18", {}, 3)
    state = copy.deepcopy(other.state_dict())
    assert fold(other) is other
    assert all(torch.equal(value, state[name]) for name, value in other.state_dict().items())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_of_the_processor_share_the_symmetries(threads):
    patches = torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8)
    standardise = Standardisation([120.0] * 3, [60.0] * 3, "cpu")
    forward = place(network("densenet", SMALL), Engine(**PLAIN), "cpu")
    seen = set()

    def watched(images):
        seen.add((threading.get_ident(), torch.get_num_threads()))
        return forward(images)

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = predict(watched, standardise, patches, torch.tensor([4, 0, 2]), 4, "")
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    # However many there are, each computes alone.
    assert {each for _, each in seen} == {1}
    with torch.inference_mode():
        each = [forward(standardise(apply_symmetry(patches[[4, 0, 2]], i))) for i in range(8)]
    torch.testing.assert_close(found, torch.stack(each).mean(dim=0), rtol=1e-4, atol=1e-4)
