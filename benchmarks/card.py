"""What a GPU does with this code, in at most nine minutes: writes `results/card.md`.

    PYTHONPATH=src .venv/bin/python benchmarks/card.py

Nothing is downloaded: patches are random, weights too. Each part runs in its own process under a
time limit, and the table is written again after each, so a part that fails or hangs costs only its
own rows. Without a GPU it runs on the CPU with a tiny setting, and says that no GPU was measured.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
from measure import EXPERIMENT, N_GENES, ROOT, Bench, operations, peak_bound
from suite import PASSES, processor
from torch.profiler import ProfilerActivity, profile

from stnet.config.recipe import Recipe, Training
from stnet.networks.data import Data
from stnet.networks.engine import start
from stnet.training.calibrate import calibrate
from stnet.training.run import Run

OUTPUT = ROOT / "results/card.md"
# Seconds for everything; those of each part are with it.
ALL_SECONDS = 520
SIDE = {"cuda": 224, "cpu": 64}
BATCHES = {"cuda": 20, "cpu": 1}  # of the profile
OPERATORS = 12  # rows of the profile
# Rates of timm for DenseNet-121 at 224 px, published with it; images/s.
PUBLISHED = {"training": "914 (RTX 3090, AMP)", "prediction": "9,388 (RTX Pro 6000, compiled)"}


class Random(Bench):
    """The engine on random patches, with no files."""

    def __init__(self, device: str):
        self.device, self.window = device, SIDE[device]


def recipe(device: str, *, compiled: bool = False) -> Recipe:
    """The paper's recipe from random weights, on a device's engine."""
    keys = {key: EXPERIMENT[key] for key in Training.model_fields}
    engine = {**EXPERIMENT["engine"][device], "compile": compiled}
    if device == "cpu":
        keys |= {"batch_size": 4}
        engine |= {"prediction_batch": 4}
    return Recipe(weights=None, engine=engine, **keys)


def bounds(device: str) -> dict:
    """Peak operations per second of the device, and operations of one image forward."""
    start(device, torch.get_num_threads())
    bench = Random(device)
    return {"peak": peak_bound(bench), "operations": operations(bench)}


def rates(device: str, *, compiled: bool) -> dict:
    """`Rates` of an engine; a GPU's seconds do not count compiling."""
    keys = {"device": device, "threads": torch.get_num_threads()}
    seconds = 30 if device == "cuda" else 0.1
    found = calibrate(
        recipe(device, compiled=compiled), SIDE[device], N_GENES, **keys, seconds=seconds
    )
    return asdict(found)


def step(device: str) -> dict:
    """Where the time of training steps goes: milliseconds of a step, and of its operators."""
    start(device, torch.get_num_threads())
    how, side = recipe(device), SIDE[device]
    patches = torch.randint(256, (how.batch_size, side, side, 3), dtype=torch.uint8)
    data = Data(patches.to(device), torch.randn(how.batch_size, N_GENES).to(device))
    run = Run(data, torch.arange(how.batch_size).repeat(BATCHES[device]), how, "card")
    run.train_epoch(1)
    began = time.perf_counter()
    run.train_epoch(2)
    wall = time.perf_counter() - began
    activities = [ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * (device == "cuda")]
    with profile(activities=activities) as found:
        run.train_epoch(3)
    name = f"self_{'device' if device == 'cuda' else 'cpu'}_time_total"
    spent = {each.key: getattr(each, name) / 1e3 / BATCHES[device] for each in found.key_averages()}
    most = sorted(spent.items(), key=lambda each: -each[1])[:OPERATORS]
    return {"wall": 1e3 * wall / BATCHES[device], "busy": sum(spent.values()), "most": most}


def tests(device: str) -> dict:
    """The last line of the tests that only a GPU can pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/unit/test_cuda.py"], cwd=ROOT, capture_output=True, text=True
    )
    return {"line": (done.stdout.strip().splitlines() or [done.stderr.strip()[-300:]])[-1]}


def planned(device: str) -> dict:
    """The plan of the paper's run as the workflow prints it, from TIME on."""
    calibration = "calibration=60" if device == "cuda" else "calibration=0"
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--nolock", "--config"]
    command += [f"device={device}", calibration, "--", "plan"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    _, found, text = done.stdout.partition("NETWORKS\n")
    if not found:
        raise RuntimeError(f"{done.stdout}{done.stderr}"[-500:])
    return {"text": found + text}


PARTS = {
    "bounds": (bounds, 100),
    "plain": (lambda device: rates(device, compiled=False), 90),
    "step": (step, 60),
    "tests": (tests, 120),
    "plan": (planned, 150),
    "compiled": (lambda device: rates(device, compiled=True), 240),
}


def part(name: str, device: str, seconds: float) -> dict:
    """What a part prints in its own process, or `failed` with the reason."""
    command = [sys.executable, __file__, "--part", name, "--device", device]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, start_new_session=True) as process:
        try:
            printed, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            # With the processes that the part has started, which hold the pipes too.
            os.killpg(process.pid, signal.SIGKILL)
            return {"failed": f"not done after {seconds:.0f} s"}
    if process.returncode:
        return {"failed": (said.strip().splitlines() or ["no message"])[-1]}
    return json.loads(printed.splitlines()[-1])


def report(device: str, found: dict[str, dict]) -> str:
    """The page, of what is found so far."""
    name = torch.cuda.get_device_name() if device == "cuda" else processor()
    lines = [
        "# One GPU",
        "",
        f"{name}, Python {platform.python_version()}, torch {torch.__version__}.",
    ]
    if device == "cpu":
        tiny = f"patches of {SIDE['cpu']} px, batches of 4"
        lines += ["", f"**No GPU: not measured.** The figures below are of this CPU ({tiny})."]
    lines += [
        "",
        "| | images/s | share of the peak measured here | published, images/s | memory, GB |",
    ]
    lines += ["|---|---|---|---|---|"]
    of_peak = found.get("bounds", {})
    for engine in ("plain", "compiled"):
        for what, passes in zip(PUBLISHED, PASSES.values(), strict=True):
            rate = found.get(engine, {"failed": "not reached"})
            if "failed" in rate:
                lines.append(f"| {what}, {engine} | {rate['failed']} | | {PUBLISHED[what]} | |")
                continue
            share = "?"
            if "peak" in of_peak:
                share = f"{passes * of_peak['operations'] * rate[what] / of_peak['peak']:.0%}"
            row = [f"{rate[what]:,.1f}", share, PUBLISHED[what], f"{rate['memory'] / 1e9:.1f}"]
            lines.append(f"| {what}, {engine} | {' | '.join(row)} |")
    if "peak" in of_peak:
        lines += ["", f"Peak: {of_peak['peak'] / 1e12:.2f} TFLOP/s (the engine's precision)."]
    lines += ["", "## A training step", ""]
    steps = found.get("step", {"failed": "not reached"})
    if "failed" in steps:
        lines.append(steps["failed"])
    else:
        busy = steps["busy"] / steps["wall"]
        lines += [f"{steps['wall']:.2f} ms; operators are {busy:.0%} of it (under the profiler)."]
        lines += ["", "| operator | ms |", "|---|---|"]
        lines += [f"| `{key}` | {spent:.3f} |" for key, spent in steps["most"]]
    for title, key in (("Tests that need a GPU", "tests"), ("The paper's run", "plan")):
        result = found.get(key, {"failed": "not reached"})
        text = result.get("line") or result.get("text") or result.get("failed", "")
        lines += ["", f"## {title}", "", "```", text.rstrip(), "```"]
    failed = [f"{key}: {each['failed']}" for key, each in found.items() if "failed" in each]
    return "\n".join([*lines, "", *failed, ""])


def main() -> None:
    """Run all parts and write the page, or run one part and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    text = "for everything; a loaded machine needs more"
    parser.add_argument("--seconds", type=float, default=ALL_SECONDS, help=text)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part][0](options.device)))
        return
    found: dict[str, dict] = {}
    ends = time.monotonic() + options.seconds
    options.output.parent.mkdir(parents=True, exist_ok=True)
    for name, (_, seconds) in PARTS.items():
        left = ends - time.monotonic()
        share = seconds * options.seconds / ALL_SECONDS
        found[name] = part(name, options.device, max(1, min(share, left)))
        print(name, found[name], flush=True)
        options.output.write_text(report(options.device, found))


if __name__ == "__main__":
    main()
