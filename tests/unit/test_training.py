"""Training against plain loops written here, and the choices of the nested cross-validation."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from networks import SMALL, recipe
from remote import Remote, limit, sha256
from torch import nn
from torchvision import models
from torchvision.transforms import functional as pictures

from stnet.config.split import held_out_groups, inner_folds
from stnet.core.errors import InputError
from stnet.networks.architectures import build_network, head_name, set_bias
from stnet.networks.data import Data
from stnet.networks.imagenet import download_imagenet
from stnet.networks.standardisation import Standardisation
from stnet.networks.symmetries import N_SYMMETRIES, apply_symmetry, augment
from stnet.networks.tensors import read_tensors
from stnet.networks.weights import load_weights
from stnet.training.fit import choose_epoch
from stnet.training.run import Run, batch_loss


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    patches = torch.from_numpy(random.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8))
    return Data(patches, torch.from_numpy(random.normal(-9, 1, (10, 5)).astype(np.float32)))


def sheet(*patients_and_sections):
    return [{"patient": p, "section": s} for p, s in patients_and_sections]


def test_symmetries_are_those_of_the_square():
    patch = torch.arange(9).reshape(1, 3, 3, 1)
    seen = {tuple(apply_symmetry(patch, s).flatten().tolist()) for s in range(N_SYMMETRIES)}
    turned = [torch.rot90(m, k, (1, 2)) for m in (patch, patch.flip(2)) for k in range(4)]
    assert seen == {tuple(t.flatten().tolist()) for t in turned}
    assert torch.equal(apply_symmetry(patch, 0), patch)


def test_augmentation_gives_each_patch_its_own_symmetry():
    patches = torch.arange(8 * 2 * 9, dtype=torch.uint8).reshape(16, 3, 3, 1)
    symmetries = torch.arange(16) % N_SYMMETRIES
    augmented = augment(patches, symmetries)
    for patch, symmetry, own in zip(patches, symmetries.tolist(), augmented, strict=True):
        assert torch.equal(apply_symmetry(patch[None], symmetry)[0], own), symmetry


def test_standardisation_uses_the_patches_own_mean_and_sd(data):
    pixels = data.patches.numpy().reshape(-1, 3).astype(float)
    constants = Standardisation.of(data.levels, "cpu")
    np.testing.assert_allclose(constants.mean, pixels.mean(0), rtol=1e-12)
    np.testing.assert_allclose(constants.sd, pixels.std(0), rtol=1e-12)
    standard = constants(data.patches)
    assert standard.shape == (10, 3, 32, 32)
    plain = (data.patches[3, 5, 7].double() - torch.tensor(constants.mean)) / torch.tensor(
        constants.sd
    )
    np.testing.assert_allclose(standard[3, :, 5, 7], plain, rtol=1e-5)


def test_loss_is_summed_over_the_batch_and_averaged_over_genes():
    predicted, measured = torch.randn(6, 4), torch.randn(6, 4)
    rows = zip(predicted.numpy(), measured.numpy(), strict=True)
    plain = sum(np.mean((p - m) ** 2) for p, m in rows)
    assert batch_loss(predicted, measured, "sum").item() == pytest.approx(plain, rel=1e-5)
    assert batch_loss(predicted, measured, "mean").item() == pytest.approx(plain / 6, rel=1e-5)


def test_the_mean_loss_is_that_of_pytorch_and_its_steps_are_smaller_by_the_batch_size():
    measured = torch.randn(8, 5)
    steps = {}
    for reduction in ("sum", "mean"):
        predicted = torch.linspace(-2, 2, 40).reshape(8, 5).requires_grad_()
        loss = batch_loss(predicted, measured, reduction)
        loss.backward()
        steps[reduction] = predicted.grad
    assert torch.equal(steps["sum"], 8 * steps["mean"])
    torch.testing.assert_close(loss, nn.functional.mse_loss(predicted, measured))


def test_head_starts_at_the_training_mean(data):
    run = Run(data, torch.arange(10), recipe(), "P1 final")
    predicted = run.predict(torch.arange(10))
    np.testing.assert_allclose(
        predicted, data.targets.mean(dim=0).expand(10, 5), rtol=1e-5, atol=1e-5
    )


def test_a_random_head_starts_as_pytorch_starts_it(data):
    run = Run(data, torch.arange(10), recipe(head="random"), "P1 final")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run._seed("initial weights"))
        features = build_network("densenet", SMALL, 5)
        plain = nn.Linear(features.classifier.in_features, 5)
    assert torch.equal(run.network.classifier.weight, plain.weight)
    assert torch.equal(run.network.classifier.bias, plain.bias)
    # What is below it starts as always.
    other = Run(data, torch.arange(10), recipe(), "P1 final").network.features.state_dict()
    for name, value in run.network.features.state_dict().items():
        assert torch.equal(value, other[name]), name


def test_constants_of_imagenet_are_those_of_torchvision(data):
    run = Run(data, torch.arange(10), recipe(standardisation="imagenet"), "P1 final")
    plain = models.DenseNet121_Weights.IMAGENET1K_V1.transforms()
    own = run.standardise(data.patches)
    for patch, found in zip(data.patches, own, strict=True):
        unit = patch.permute(2, 0, 1).float() / 255
        expected = pictures.normalize(unit, plain.mean, plain.std)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_run_with_adam_is_the_formula_of_its_paper(data):
    """The last layer of a frozen network, by hand: features are constants, a step a batch."""
    options = recipe(optimiser="adam", trained=[], learning_rate=0.1, batch_size=10)
    run = Run(data, torch.arange(10), options, "P1 final")
    head, mean = run.network.classifier, data.targets.double().mean(dim=0)
    with torch.no_grad():
        head.bias += torch.linspace(-1, 2, 5)
    bias = head.bias.detach().double()
    first = second = torch.zeros(5, dtype=torch.float64)
    for step in (1, 2):
        # Then only the bias predicts.
        with torch.no_grad():
            head.weight.zero_()
        # A gene's slope: twice the sum of its errors, over the five genes.
        slope = 2 * 10 * (bias - mean) / 5
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        unbiased = second / (1 - 0.999**step)
        bias = bias - 0.1 * first / (1 - 0.9**step) / (unbiased.sqrt() + 1e-8)
        run.train_epoch(step)
        torch.testing.assert_close(head.bias.detach().double(), bias, rtol=0, atol=1e-4)


def test_a_run_is_plain_sgd(data):
    """The same epoch by a loop written out, sample by sample and with torchvision's turns."""
    options = recipe(epochs=1)
    run = Run(data, torch.arange(10), options, "P1 final")
    plain = models.DenseNet(**SMALL, num_classes=5)
    plain.load_state_dict(run.network.state_dict())
    velocity = [torch.zeros_like(p) for p in plain.parameters()]
    # The order and the symmetries are drawn from the same stream as the run's.
    stream = torch.Generator().manual_seed(run._seed("epoch 1"))
    order = torch.randperm(10, generator=stream)
    drawn = torch.randint(8, (10,), generator=stream)
    mean, sd = data.patches.double().mean((0, 1, 2)), data.patches.double().std((0, 1, 2), False)
    losses = []
    plain.train()
    for start in (0, 4, 8):
        rows = order[start : start + 4]
        patches = []
        for row, symmetry in zip(rows, drawn[start : start + 4].tolist(), strict=True):
            patch = ((data.patches[row].double() - mean) / sd).permute(2, 0, 1).float()
            patch = pictures.hflip(patch) if symmetry & 1 else patch
            patch = pictures.vflip(patch) if symmetry & 2 else patch
            patches.append(pictures.rotate(patch, 90) if symmetry & 4 else patch)
        error = (plain(torch.stack(patches)) - data.targets[rows]) ** 2
        loss = error.sum() / 5
        plain.zero_grad()
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p, v in zip(plain.parameters(), velocity, strict=True):
                v.mul_(0.9).add_(p.grad)
                p.sub_(1e-3 * v)
    assert run.train_epoch(1) == pytest.approx(sum(losses) / 10, rel=1e-4)
    for (name, own), other in zip(
        run.network.state_dict().items(), plain.state_dict().values(), strict=True
    ):
        np.testing.assert_allclose(own, other, rtol=1e-3, atol=1e-5, err_msg=name)


def test_prediction_averages_eight_symmetries(data):
    run = Run(data, torch.arange(10), recipe(), "P1 final")
    run.train_epoch(1)
    predicted = run.predict(torch.arange(10))
    run.network.eval()
    with torch.no_grad():
        patch = run.standardise(data.patches[:1])
        turned = [torch.rot90(m, k, (2, 3)) for m in (patch, patch.flip(3)) for k in range(4)]
        plain = torch.stack([run.network(p) for p in turned]).mean(dim=0)
    np.testing.assert_allclose(predicted[:1], plain, rtol=1e-4, atol=1e-5)


def test_seed_gives_the_same_weights_twice_and_another_seed_others(data):
    def trained(seed):
        run = Run(data, torch.arange(10), recipe(seed=seed), "P1 final")
        for epoch in (1, 2):
            run.train_epoch(epoch)
        return torch.cat([p.detach().flatten() for p in run.network.parameters()])

    assert torch.equal(trained(3), trained(3))
    assert not torch.equal(trained(3), trained(4))


@pytest.fixture
def squeezenet(tmp_path, monkeypatch, quick):
    """A server that has the weights of SqueezeNet with other values, and their place on disk."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    state = models.squeezenet1_1().state_dict()
    stream = io.BytesIO()
    torch.save(state, stream)
    name = f"/squeezenet1_1-{sha256(stream.getvalue())[:8]}.pth"
    with Remote() as server:
        server.files[name] = stream.getvalue()
        weights = models.SqueezeNet1_1_Weights.IMAGENET1K_V1.value
        monkeypatch.setitem(weights.__dict__, "url", f"{server.host}{name}")
        yield server, name, tmp_path / "hub/checkpoints" / name[1:], state


def test_weights_are_downloaded_once_and_a_damaged_file_again(squeezenet, tmp_path):
    server, name, cached, state = squeezenet
    output = tmp_path / "squeezenet1_1.safetensors"
    server.faults[name] = ["corrupt"]
    limit(attempts=2, backoff=0.001)
    for damage in (None, None, b"rubbish"):
        if damage:
            cached.write_bytes(damage)
        download_imagenet("squeezenet1_1", output)
        found = read_tensors(output)
        assert all(torch.equal(found[key], value) for key, value in state.items())
    # The first time it was not the file of that name, the third it was not on disk.
    assert len(server.requests) == 3


def test_two_runs_at_once_download_weights_once(squeezenet, tmp_path):
    server, name, _, _ = squeezenet
    server.faults[name] = ["stall"]
    outputs = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    with ThreadPoolExecutor() as pool:
        list(pool.map(partial(download_imagenet, "squeezenet1_1"), outputs))
    assert len(server.requests) == 1
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


@pytest.mark.parametrize("fault", ["drip", "endless", "header", "stall"])
def test_a_host_of_weights_that_never_ends_is_left(squeezenet, tmp_path, fault):
    server, name, cached, _ = squeezenet
    server.faults[name] = [fault]
    limit(attempts=1, timeout=(5, 0.3), window=0.2, largest=2**23, total=0.6)
    with pytest.raises(InputError, match=r"^weights: the ImageNet weights of squeezenet1_1 "):
        download_imagenet("squeezenet1_1", tmp_path / "squeezenet1_1.safetensors")
    assert not cached.exists()


def test_a_batch_too_small_for_batch_norm_is_refused_by_its_key(data):
    """Patches of 32 px end as one pixel, and of a single patch that is one value of a channel."""
    run = Run(data, torch.arange(9), recipe(), "P1 final")
    message = r"^batch_size: densenet cannot be trained on a batch of 1 of the 9 patches \(Expected"
    with pytest.raises(InputError, match=message):
        run.train_epoch(1)


@pytest.mark.parametrize(("optimiser", "kept"), [("sgd", "momentum_buffer"), ("adam", "step")])
def test_a_run_restored_goes_on_as_if_it_had_never_stopped(data, optimiser, kept):
    rows, options = torch.arange(10), recipe(optimiser=optimiser)
    whole = Run(data, rows, options, "P1 final")
    first = whole.train_epoch(1)
    state = {name: value.clone() for name, value in whole.state().items()}
    second = whole.train_epoch(2)
    assert second != first
    restored = Run(data, rows, options, "P1 final")
    restored.restore(state)
    assert restored.train_epoch(2) == second
    for name, value in whole.state().items():
        assert torch.equal(restored.state()[name], value), name
    assert any(name.startswith(f"optimiser.{kept}.") for name in state)


def test_statistics_may_be_of_the_first_batches_only(data):
    few = Run(data, torch.arange(10), recipe(statistics_batches=1), "P1 final").standardise
    assert few.mean != Standardisation.of(data.levels, "cpu").mean


def test_inner_folds_take_every_fourth_patient():
    rows = sheet(*[(f"P{i:02d}", f"P{i:02d}_{r}") for i in range(22) for r in ("C1", "D2")])
    rule, folds = inner_folds(rows[::-1], 4)
    assert rule == "4 inner folds of patients"
    patients = [f"P{i:02d}" for i in range(22)]
    assert [sorted({s[:3] for s in fold}) for fold in folds] == [patients[f::4] for f in range(4)]
    assert sum(map(len, folds)) == 44


@pytest.mark.parametrize(
    ("rows", "n_folds", "rule", "folds"),
    [
        (sheet(("A", "A1"), ("B", "B1")), 4, "2 inner folds of patients", [["A1"], ["B1"]]),
        (sheet(("A", "A1"), ("A", "A2")), 4, "2 inner folds of sections", [["A1"], ["A2"]]),
        (sheet(("A", "A1")), 4, "configured number of epochs (nothing to split)", []),
        (
            sheet(("A", "A1"), ("B", "B1")),
            0,
            "configured number of epochs (inner_folds is 0)",
            [],
        ),
    ],
)
def test_inner_folds_of_small_cohorts(rows, n_folds, rule, folds):
    assert inner_folds(rows, n_folds) == (rule, folds)


def test_held_out_groups():
    rows = sheet(("B", "B1"), ("A", "A1"), ("B", "B2"), ("C", "C1"))
    assert held_out_groups(rows, "patient") == {"A": ["A1"], "B": ["B1", "B2"], "C": ["C1"]}
    assert list(held_out_groups(rows, "section")) == ["A1", "B1", "B2", "C1"]
    assert held_out_groups(rows, 2) == {"f0": ["A1", "C1"], "f1": ["B1", "B2"]}


def test_epoch_choice_pools_the_folds():
    # Fold by fold the best epochs are 1 and 3; pooled it is the second.
    assert choose_epoch(np.array([1.0, 2.0, 5.0]) + np.array([9.0, 4.0, 3.0])) == 2
    assert choose_epoch([3.0, 2.0, 2.0]) == 2
    assert choose_epoch([np.nan, 2.0, 1.0]) == 3
    with pytest.raises(InputError, match="diverged"):
        choose_epoch([np.nan, np.nan])


def test_heads_of_torchvision_architectures():
    for name in ("densenet121", "resnet18"):
        network = build_network(name, {}, 7)
        head = network.get_submodule(head_name(network))
        assert head.out_features == 7
        assert not head.weight.any()
        set_bias(network, torch.arange(7.0))
        network.eval()
        with torch.no_grad():
            out = network(torch.randn(1, 3, 64, 64))
        assert torch.equal(out, torch.arange(7.0)[None])
    with pytest.raises(InputError, match="densenet-121"):
        build_network("densenet-121", {}, 7)
    with pytest.raises(InputError, match="squeezenet1_0: no fully connected"):
        build_network("squeezenet1_0", {}, 7)
    with pytest.raises(InputError, match="growth"):
        build_network("densenet", {"growth": 3}, 7)


def test_weights_of_a_file_are_those_loaded(tmp_path):
    source = models.DenseNet(**SMALL, num_classes=12)
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    network = build_network("densenet", SMALL, 5)
    load_weights(network, tmp_path / "weights.pth")
    own, other = network.state_dict(), source.state_dict()
    for name in own:
        if name.startswith("classifier"):
            assert not own[name].any()
        else:
            assert torch.equal(own[name], other[name]), name


def test_old_names_of_densenet_layers_are_read(tmp_path):
    source = models.DenseNet(**SMALL, num_classes=12).state_dict()
    old = {
        n.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): v for n, v in source.items()
    }
    assert old.keys() != source.keys()
    torch.save(old, tmp_path / "old.pth")
    network = build_network("densenet", SMALL, 5)
    load_weights(network, tmp_path / "old.pth")
    name = "features.denseblock1.denselayer1.conv2.weight"
    assert torch.equal(network.state_dict()[name], source[name])


def test_foreign_weights_are_refused_in_one_line(tmp_path):
    network = build_network("densenet", SMALL, 5)
    state = models.DenseNet(**SMALL, num_classes=12).state_dict()
    cases = {
        "missing": {k: v for k, v in state.items() if "denseblock4" not in k},
        "unknown": {**state, "extra.weight": torch.zeros(1)},
        "shape": {**state, "features.conv0.weight": torch.zeros(8, 3, 3, 3)},
    }
    for word, wrong in cases.items():
        torch.save(wrong, tmp_path / f"{word}.pth")
        with pytest.raises(InputError, match=rf"{word}\.pth.*{word}") as caught:
            load_weights(network, tmp_path / f"{word}.pth")
        assert "\n" not in str(caught.value)
    (tmp_path / "text.safetensors").write_text("not weights")
    torch.save({"module": nn.Linear(2, 2)}, tmp_path / "pickle.pth")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "pointer.pth").write_text("version https://git-lfs.github.com/spec/v1\n")
    for name, content in {"none": {"state_dict": None}, "keys": {0: torch.ones(1)}}.items():
        torch.save(content, tmp_path / f"{name}.pth")
    torch.save(dict.fromkeys(state, 1.0), tmp_path / "numbers.pth")
    names = ["pickle", "absent", "empty", "pointer", "none", "keys", "numbers"]
    for name in ("text.safetensors", *(f"{each}.pth" for each in names)):
        with pytest.raises(InputError, match=name) as caught:
            load_weights(network, tmp_path / name)
        assert "arbitrary code" not in str(caught.value)
        assert str(caught.value).isprintable()
