"""What only a card can show; skipped without one."""

import pytest
import torch
from networks import PLAIN, SMALL, recipe

from stnet.networks.data import Data
from stnet.networks.engine import start
from stnet.networks.standardisation import count_levels
from stnet.training.run import Run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no working GPU")

N_SPOTS, N_GENES = 64, 5
FAST = {"channels_last": True, "precision": "bfloat16", "compile": False, "prediction_batch": 16}


@pytest.fixture(scope="module")
def spots():
    generator = torch.Generator().manual_seed(0)
    patches = torch.randint(256, (N_SPOTS, 64, 64, 3), dtype=torch.uint8, generator=generator)
    return Data(patches, torch.randn(N_SPOTS, N_GENES, generator=generator))


def run_on(device, spots, engine):
    start(device, 1)
    data = Data(spots.patches.to(device), spots.targets.to(device))
    options = {"architecture_options": SMALL, "batch_size": 16, "engine": engine}
    return Run(data, torch.arange(N_SPOTS), recipe(**options), "P1 final")


def test_levels_are_counted_alike(spots):
    assert (count_levels(spots.patches.cuda()) == count_levels(spots.patches)).all()


@pytest.mark.parametrize(("engine", "bound"), [(PLAIN, 0.01), (FAST, 0.1)])
def test_a_card_computes_what_the_processor_does(spots, engine, bound):
    """Predictions move by no more than a part of what two epochs taught."""
    runs = [run_on("cpu", spots, PLAIN), run_on("cuda", spots, engine)]
    losses = [[run.train_epoch(epoch) for epoch in (1, 2)] for run in runs]
    assert losses[1] == pytest.approx(losses[0], rel=bound)
    plain, other = (run.predict(run.rows).cpu() for run in runs)
    learned = (plain - spots.targets.mean(dim=0)).abs().max()
    assert (plain - other).abs().max() < bound * learned


def test_a_restored_run_ends_within_the_nondeterminism_of_a_card(spots):
    ends = []
    for stop in (False, False, True):
        run = run_on("cuda", spots, FAST)
        run.train_epoch(1)
        if stop:
            state = {name: value.cpu() for name, value in run.state().items()}
            run = run_on("cuda", spots, FAST)
            run.restore(state)
        run.train_epoch(2)
        ends.append(run.predict(run.rows).cpu())
    learned = (ends[0] - spots.targets.mean(dim=0)).abs().max()
    print("twice", (ends[0] - ends[1]).abs().max() / learned)
    assert (ends[0] - ends[2]).abs().max() < 0.01 * learned


def test_the_card_is_waited_for_once_an_epoch_and_not_in_every_batch(spots):
    run = run_on("cuda", spots, FAST)
    run.train_epoch(1)
    torch.cuda.set_sync_debug_mode("warn")
    with pytest.warns(UserWarning, match="synchroniz") as waits:
        run.train_epoch(2)
    torch.cuda.set_sync_debug_mode("default")
    # The order and the symmetries go there, and the loss comes back.
    assert len(waits) <= 4
