"""What does not fit in memory is one line that names the key to lower, with the numbers."""

import re
from functools import partial

import anndata as ad
import numpy as np
import pytest
import torch
from models import load_model_file, write_toy_model
from networks import SMALL, recipe

from stnet.core.errors import InputError
from stnet.core.job import job
from stnet.core.memory import is_out_of_memory
from stnet.networks.architectures import build_network, check_side
from stnet.networks.data import Data, to_device
from stnet.training import run as run_module

# As torch says it.
GPU = torch.cuda.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 139.72 GiB of"
    " which 1.06 GiB is free. Process 7 has 138.65 GiB memory in use. Of the allocated memory 137"
    " GiB is allocated by PyTorch. If reserved but unallocated memory is large try setting"
    " PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
)
NUMBERS = (
    r"\(CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 139.72 GiB of"
    r" which 1.06 GiB is free\)"
)
TOO_MUCH = 2**62


def fail(*_, error=GPU):
    raise error


def torch_on_the_processor():
    torch.empty(TOO_MUCH, dtype=torch.uint8)


def numpy_on_the_processor():
    np.empty(TOO_MUCH, dtype=np.uint8)


@pytest.fixture
def run():
    patches = torch.zeros(8, 32, 32, 3, dtype=torch.uint8)
    return run_module.Run(
        Data(patches, torch.zeros(8, 5)), torch.arange(8), recipe(architecture_options=SMALL), "A"
    )


@pytest.mark.parametrize(
    ("call", "work", "key"),
    [
        (lambda run: run.train_epoch(1), "4 patches of 32 px to train on", "batch_size of the"),
        (
            lambda run: run.predict(run.rows),
            "4 patches of 32 px to predict",
            "prediction_batch of the experiment's engine",
        ),
    ],
)
def test_a_batch_that_does_not_fit(run, call, work, key):
    run.forward = fail
    with pytest.raises(
        InputError, match=f"^out of memory: no room for a batch of {work} {NUMBERS}; lower"
    ) as e:
        call(run)
    assert f"; lower {key}" in str(e.value)
    assert str(e.value).endswith("or run fewer jobs at once")
    # Another mistake stays what it is.
    run.forward = partial(fail, error=RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match=r"^shapes differ$"):
        call(run)


def test_patches_that_do_not_fit(toy, monkeypatch):
    index, targets = toy[1]
    monkeypatch.setattr("stnet.networks.data.read_patches", lambda *_: numpy_on_the_processor())
    said = r"^out of memory: no room for the patches of 30 spots \(.*\); lower the side"
    with pytest.raises(InputError, match=said):
        to_device(index, ad.read_h5ad(targets), "cpu")


def test_memory_is_no_reason_to_doubt_a_view(monkeypatch):
    network = build_network("densenet", SMALL, 5)
    network.forward = fail
    with pytest.raises(torch.cuda.OutOfMemoryError):
        check_side(network, "densenet", 32)


def test_memory_is_no_reason_to_fetch_a_model_again(toy, tmp_path, monkeypatch):
    model = write_toy_model(toy, tmp_path, ["A"])
    monkeypatch.setattr("stnet.inference.model.place", fail)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        load_model_file(model)


@pytest.mark.parametrize("said", ["std::bad_alloc", "can't start new thread"])
def test_what_the_machine_says_of_its_memory_without_the_word(said):
    assert is_out_of_memory(RuntimeError(said))
    assert not is_out_of_memory(ValueError(said))


@pytest.mark.parametrize("call", [fail, torch_on_the_processor, numpy_on_the_processor])
def test_elsewhere_the_job_says_it_in_one_line(tmp_path, capsys, call):
    with pytest.raises(SystemExit) as ended, job(str(tmp_path / "log")):
        call()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"error: out of memory: no room for this job \(.*\d+.*\); run fewer jobs at once, or on a"
        r" machine with more memory\n",
        said,
    )
    assert (tmp_path / "log").read_text().splitlines()[1:] == said.splitlines()
