"""The paper's network, against torchvision's."""

import subprocess
import sys

import pytest
import torch
from networks import SMALL
from project import ROOT
from torchvision import models

from stnet.networks.densenet import SIZES, named


def seeded(make, **options):
    torch.manual_seed(0)
    return make(**options)


def outputs(network, images):
    torch.manual_seed(1)
    return network(images)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("densenet121", {}),
        ("densenet", {**SMALL, "bn_size": 2, "drop_rate": 0.3, "num_classes": 5}),
        ("densenet", {**SMALL, "memory_efficient": True}),
    ],
)
def test_weights_outputs_and_gradients_are_torchvisions(name, options):
    own = seeded(lambda **given: named(name, **given), **options)
    theirs = seeded(models.DenseNet if name == "densenet" else models.densenet121, **options)
    assert [each for each, _ in own.named_modules()] == [n for n, _ in theirs.named_modules()]
    state = theirs.state_dict()
    assert list(own.state_dict()) == list(state)
    assert all(torch.equal(value, state[key]) for key, value in own.state_dict().items())
    images = torch.randn(2, 3, 64, 64)
    for training in (False, True):
        found, expected = (outputs(each.train(training), images) for each in (own, theirs))
        assert torch.equal(found, expected)
    found.sum().backward()
    expected.sum().backward()
    pairs = zip(own.parameters(), theirs.parameters(), strict=True)
    assert all(torch.equal(one.grad, other.grad) for one, other in pairs)


def test_sizes_are_torchvisions():
    for name in SIZES:
        with torch.device("meta"):
            own, theirs = named(name), models.get_model(name, weights=None)
        shapes = [
            {key: value.shape for key, value in each.state_dict().items()} for each in (own, theirs)
        ]
        assert shapes[0] == shapes[1]


def test_a_job_that_predicts_does_not_import_torchs_compiler():
    code = "import sys, stnet.training.apply, stnet.inference.slides, stnet.features.encoded\n"
    code += "print(*{'torchvision', 'torch._dynamo'} & sys.modules.keys())"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []
