"""One measurement in its own process, with its own allocator settings and peak memory.

measure.py WHAT HOW FOLDER DEVICE THREADS prints JSON; `suite.py` prepares the folder and calls it.
Rates are in images per second, where each of the eight symmetries is one image. Where nothing is
computed they are in spots per second.
"""

import json
import resource
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import perf_counter

import torch
import yaml
from openslide import OpenSlide
from reference import Spots, build, loader, predict, train_epoch
from tiled import read_patch_plain
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from stnet.config.configuration import Configuration
from stnet.config.engine import Engine
from stnet.config.recipe import Recipe, Training
from stnet.networks.data import Data
from stnet.networks.engine import place, start
from stnet.networks.symmetries import N_SYMMETRIES
from stnet.slides.patches import read_patches, write_patches
from stnet.training.run import Run

ROOT = Path(__file__).parents[1]
CONFIG = Configuration(yaml.safe_load((ROOT / "config/config.yaml").read_text())).resolved
EXPERIMENT = CONFIG["experiments"]["densenet121"]
BATCH, N_GENES = EXPERIMENT["batch_size"], CONFIG["targets"][EXPERIMENT["targets"]]["genes"]
# Spots to train on, to predict, and of a fold; a GPU is about a hundred times as fast.
SIZES = {
    "cpu": {"train": 2 * BATCH, "predict": BATCH, "fold": (5 * BATCH, 24)},
    "cuda": {"train": 100 * BATCH, "predict": 40 * BATCH, "fold": (60 * BATCH, 10 * BATCH)},
}
WARM_UP = 3  # steps before the clock starts, to allocate memory and choose algorithms
REPEATS = 3


class Bench:
    """The sections that suite.py wrote to `folder`, as the engine and the plain loop read them."""

    def __init__(self, folder: Path, device: str, threads: int):
        self.folder, self.device, self.threads = folder, device, threads
        made = json.loads((folder / "made.json").read_text())
        self.window, self.sections = made["window"], made["sections"]
        self.names = [name for each in self.sections for name in each["names"]]
        self.slides = [each["tiff"] for each in self.sections for _ in each["names"]]
        self.centres = [centre for each in self.sections for centre in each["centres"]]
        generator = torch.Generator().manual_seed(0)
        self.targets = torch.randn(len(self.names), N_GENES, generator=generator)

    def data(self) -> Data:
        """All patches from their files, on the device."""
        ids = [each["section"] for each in self.sections]
        patches = torch.from_numpy(read_patches(self.folder / "index.tsv", self.names, ids))
        return Data(patches.to(self.device), self.targets.to(self.device))

    def run(self, data: Data, rows: torch.Tensor) -> Run:
        """The engine with its defaults, from random weights."""
        keys = {key: EXPERIMENT[key] for key in Training.model_fields}
        recipe = Recipe(weights=None, engine=EXPERIMENT["engine"][self.device], **keys)
        return Run(data, rows, recipe, "benchmark")

    def spots(self, mean: list[float], sd: list[float]) -> Spots:
        """The spots as the plain loop reads them."""
        return Spots(self.slides, self.centres, self.targets, mean, sd, self.window)

    def network(self) -> tuple[nn.Module, torch.optim.Optimizer]:
        """The plain loop's network, from random weights, and its optimiser."""
        architecture, options = EXPERIMENT["architecture"], EXPERIMENT["architecture_options"]
        network = build(architecture, options, N_GENES).to(self.device)
        keys = {"lr": EXPERIMENT["learning_rate"], "momentum": EXPERIMENT["momentum"]}
        return network, torch.optim.SGD(network.parameters(), **keys)

    def rows(self, number: int) -> torch.Tensor:
        """`number` spots in order; starts again from the first if there are fewer."""
        return torch.arange(number) % len(self.names)

    def loader(self, spots: Spots, number: int, *, whole: bool) -> torch.utils.data.DataLoader:
        """Batches of `number` spots, under one symmetry each, or under all eight if `whole`."""
        rows = self.rows(number).tolist()
        items = [(row, None if whole else row % N_SYMMETRIES) for row in rows]
        return loader(spots, items, BATCH, self.threads)


def extract_fast(bench: Bench) -> float:
    view = f"{bench.window}x1"
    started = perf_counter()
    for each in bench.sections:
        write_patches(each["file"], each["image"], bench.folder / "again.npy", view=view)
    return len(bench.names) / (perf_counter() - started)


def extract_reference(bench: Bench) -> float:
    started = perf_counter()
    for each in bench.sections:
        with OpenSlide(each["tiff"]) as slide:
            patches = [read_patch_plain(slide, *centre, bench.window) for centre in each["centres"]]
    del patches
    return len(bench.names) / (perf_counter() - started)


def load_fast(bench: Bench) -> float:
    bench.data()
    started = perf_counter()
    bench.data()
    return len(bench.names) / (perf_counter() - started)


def load_reference(bench: Bench) -> float:
    batches = bench.loader(bench.spots([128] * 3, [64] * 3), len(bench.names), whole=False)
    started = perf_counter()
    for images, _ in batches:
        images.to(bench.device)
    return len(bench.names) / (perf_counter() - started)


def train_fast(bench: Bench) -> float:
    number = SIZES[bench.device]["train"]
    run = bench.run(bench.data(), bench.rows(WARM_UP * BATCH))
    run.train_epoch(1)
    run.rows = bench.rows(number)
    started = perf_counter()
    run.train_epoch(2)
    return number / (perf_counter() - started)


def train_reference(bench: Bench) -> float:
    number = SIZES[bench.device]["train"]
    network, optimiser = bench.network()
    spots = bench.spots([128] * 3, [64] * 3)
    batches = iter(bench.loader(spots, WARM_UP * BATCH + number, whole=False))
    train_epoch(network, optimiser, islice(batches, WARM_UP), bench.device)
    started = perf_counter()
    train_epoch(network, optimiser, batches, bench.device)
    return number / (perf_counter() - started)


def predict_fast(bench: Bench) -> float:
    number = SIZES[bench.device]["predict"]
    run = bench.run(bench.data(), bench.rows(BATCH))
    run.predict(bench.rows(BATCH // 8)).cpu()
    started = perf_counter()
    run.predict(bench.rows(number)).cpu()
    return number * N_SYMMETRIES / (perf_counter() - started)


def predict_reference(bench: Bench) -> float:
    number = SIZES[bench.device]["predict"]
    network, _ = bench.network()
    spots = bench.spots([128] * 3, [64] * 3)
    predict(network, bench.loader(spots, BATCH // 8, whole=True), bench.device)
    started = perf_counter()
    predict(network, bench.loader(spots, number, whole=True), bench.device)
    return number * N_SYMMETRIES / (perf_counter() - started)


def fold_fast(bench: Bench) -> float:
    """One fold from files to predictions: channel statistics, one epoch, prediction."""
    trained, left_out = SIZES[bench.device]["fold"]
    started = perf_counter()
    run = bench.run(bench.data(), bench.rows(trained))
    run.train_epoch(1)
    run.predict(bench.rows(left_out)).cpu()
    return (trained + N_SYMMETRIES * left_out) / (perf_counter() - started)


def fold_reference(bench: Bench) -> float:
    trained, left_out = SIZES[bench.device]["fold"]
    started = perf_counter()
    total, squares, count = torch.zeros(3), torch.zeros(3), 0
    for images, _ in bench.loader(bench.spots([0] * 3, [255] * 3), trained, whole=False):
        total += images.sum((0, 2, 3))
        squares += (images**2).sum((0, 2, 3))
        count += images[:, 0].numel()
    mean = total / count
    sd = (squares / count - mean**2).sqrt()
    spots = bench.spots((255 * mean).tolist(), (255 * sd).tolist())
    network, optimiser = bench.network()
    train_epoch(network, optimiser, bench.loader(spots, trained, whole=False), bench.device)
    predict(network, bench.loader(spots, left_out, whole=True), bench.device)
    return (trained + N_SYMMETRIES * left_out) / (perf_counter() - started)


def train_bound(bench: Bench) -> float:
    return _convolutions(bench, BATCH, backward=True)


def predict_bound(bench: Bench) -> float:
    batch = EXPERIMENT["engine"][bench.device]["prediction_batch"]
    return _convolutions(bench, batch, backward=False)


def _convolutions(bench: Bench, batch: int, *, backward: bool) -> float:
    """Images per second if the network were only its convolutions, run one after the other."""
    engine = Engine(**EXPERIMENT["engine"][bench.device])
    network, _ = bench.network()
    forward = place(network, engine, bench.device)
    shapes: list[tuple[nn.Conv2d, torch.Size]] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda m, inputs: shapes.append((m, inputs[0].shape)))
    with torch.no_grad():
        forward(torch.zeros(batch, 3, bench.window, bench.window, device=bench.device))
    total = 0.0
    for module, shape in dict(shapes).items():
        module._forward_pre_hooks.clear()
        call = place(module, engine, bench.device)
        values = torch.randn(shape, device=bench.device).requires_grad_(backward)

        def step(call=call, values=values) -> None:
            with torch.set_grad_enabled(backward):
                result = call(values)
                if backward:
                    result.backward(torch.ones_like(result))

        total += _fastest(bench.device, step)
    return batch / total


def peak_bound(bench: Bench) -> float:
    """Peak floating-point operations per second of the device in the engine's precision.

    The better of a large matrix product and a large convolution, which use different libraries on
    a CPU.
    """
    short = EXPERIMENT["engine"][bench.device]["precision"] == "bfloat16"
    keys = {"device": bench.device, "dtype": torch.bfloat16 if short else torch.float32}
    side, images = (8192, 128) if bench.device == "cuda" else (2048, 8)
    factor = torch.randn(side, side, **keys)
    product = 2 * side**3 / _fastest(bench.device, lambda: factor @ factor)
    layout = {"memory_format": torch.channels_last}
    convolution = nn.Conv2d(256, 256, 3, padding=1, bias=False, **keys).to(**layout)
    values = torch.randn(images, 256, 56, 56, **keys).contiguous(**layout)
    with torch.no_grad():
        seconds = _fastest(bench.device, lambda: convolution(values))
    return max(product, 2 * 9 * 256**2 * 56**2 * images / seconds)


def operations(bench: Bench) -> float:
    """Floating-point operations of one image through the network, forward only."""
    network, _ = bench.network()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, bench.window, bench.window, device=bench.device))
    return counter.get_total_flops()


def _fastest(device: str, call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(REPEATS):
        started = perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - started)
    return min(times)


def main() -> None:
    """Measure and print."""
    what, how, folder, device, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    if how != "reference":
        start(device, int(threads))
    name = what if what == "operations" else f"{what}_{how}"
    rate = globals()[name](Bench(Path(folder), device, int(threads)))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if device == "cuda" and what not in ("extract", "load"):
        memory = torch.cuda.max_memory_reserved()
    print(json.dumps({"rate": rate, "memory": memory}))


if __name__ == "__main__":
    main()
