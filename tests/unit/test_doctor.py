"""What the doctor says where one thing after another is taken away."""

import shutil
import socket
import sys
import time
import warnings
from collections import namedtuple
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from remote import Remote
from sections import section_file
from st_files import CLASSES, Section

from stnet.config.configuration import Configuration
from stnet.core import gpu
from stnet.planning import machine, remote
from stnet.planning.doctor import Run, doctor
from stnet.planning.finding import Finding
from stnet.planning.machine import (
    check_deployment,
    check_folders,
    check_gpu,
    check_packages,
)
from stnet.planning.placement import check_sections
from stnet.planning.plan import check_disk, check_memory, patch_bytes
from stnet.planning.remote import answers, check_hosts, check_weights
from stnet.planning.work import Cohort, Experiment, count_spots

CARD = "owner/encoder"
CONFIG = f"""
report: [mine]
device: cpu
cohorts:
  mine:
    {{sheet: mine.tsv, root: "", spot_window: 2, spot_pitch_um: 200, report: {{main: mine}}}}
targets: {{top: {{genes: 2, transform: log_fraction}}}}
features:
  own: {{kind: encoder, library: timm, architecture: vit, weights: own/model.bin,
    model_card: {CARD}}}
experiments:
  mine: {{kind: ridge, cohort: mine, targets: top, features: own}}
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config():
    """A cohort of one section, whose files are there, and an encoder, whose file is not."""
    made = Section(Path("in")).files()
    columns = ["patient", "section", "format", "image", "counts", "spots", "labels", "grid"]
    rows = [columns, [made.row[each] for each in columns]]
    Path("mine.tsv").write_text("".join("\t".join(each) + "\n" for each in rows))
    config = yaml.safe_load(CONFIG)
    config["cohorts"]["mine"]["label_classes"] = CLASSES
    return config


def told(findings):
    """Findings as state, text and remedy in one line each."""
    findings = [findings] if isinstance(findings, Finding) else findings
    return "\n".join(f"{each.state} {each.found} do: {each.remedy}" for each in findings)


# The machine


@pytest.fixture
def installed(monkeypatch):
    """Versions of packages that differ from those here; "" is not installed."""
    there = {}

    def found(name):
        if there.get(name) == "":
            raise PackageNotFoundError(name)
        return there.get(name) or version(name)

    monkeypatch.setattr(machine, "version", found)
    return there


def test_an_old_package_and_a_missing_one(installed):
    assert check_packages([], True, "cuda").state == "OK"
    installed |= {"numpy": "1.26.0", "timm": "", "torch": "2.14.1"}
    text = told(check_packages([], False, "cpu"))
    assert "missing numpy 1.26.0 is not >=2.4, no timm do: with Python >" in text
    assert text.endswith(": pip install -r requirements.lock")
    # With conda, jobs have packages of their own.
    assert check_packages(["conda"], False, "cuda").state == "OK"


@pytest.mark.parametrize(("torch", "device"), [("2.14.1+cpu", "cuda"), ("", "cpu")])
def test_the_lock_without_cuda_is_named_where_it_was_installed_from(installed, torch, device):
    installed |= {"histomicstk": "", "torch": torch}
    remedy = check_packages([], True, device).remedy
    assert "-r requirements-cpu.lock && pip install --no-deps -r histomicstk.lock" in remedy


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(machine, "python_version", lambda: "3.9.1")
    assert "missing python 3.9.1 is not " in told(check_packages(["conda"], False, "cuda"))


def test_no_apptainer(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    text = told(check_deployment("apptainer"))
    assert text.startswith("missing --sdm apptainer, but no apptainer on the PATH do: install it")


def test_no_conda(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "missing --use-conda, but no conda on the PATH do: install it" in told(
        check_deployment("conda")
    )
    (tmp_path / "conda").touch(0o755)
    assert told(check_deployment("conda")) == f"OK {tmp_path}/conda do: "


def test_no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert check_gpu("cpu", "local").state == check_gpu("cuda", "slurm").state == "OK"
    text = told(check_gpu("cuda", "local"))
    assert text.startswith("missing device: cuda is configured, but CUDA_VISIBLE_DEVICES= hides")
    assert "do: add --config device=cpu" in text


def test_a_gpu_that_torch_cannot_use_and_one_that_it_can(monkeypatch, installed):
    monkeypatch.setattr(machine, "why_no_gpu", lambda: "")
    monkeypatch.setattr(gpu, "_cards", lambda: [["GPU-a"]])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def refuse():
        warnings.warn("the driver is too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", refuse)
    installed["torch"] = "2.14.1"
    text = told(check_gpu("cuda", "local"))
    assert "missing torch 2.14.1 cannot use it (the driver is too old) do: look at nvidia" in text
    installed["torch"] = "2.14.1+cpu"
    # The lock's version is that of the build without CUDA, too, so it has to go first.
    assert check_gpu("cuda", "local").remedy.startswith("pip uninstall -y torch torchvision, then ")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    card = namedtuple("Card", "name total_memory")("H200", 140e9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: card)
    assert told(check_gpu("cuda", "local")) == "OK 1, H200 of 140 GB do: "


def test_a_folder_that_cannot_be_written(tmp_path):
    assert check_folders(["results", "x/y"]).state == "OK"
    assert not Path("x").exists()
    Path("results").write_text("no folder")
    text = told(check_folders(["results", "x/y"]))
    assert text.startswith(f"missing not writable: {tmp_path}/results (Not a directory) do: ")


# Memory and disk


COHORT = Cohort(
    [{"patient": each, "section": f"{each}1"} for each in "AB"],
    ["A1.h5ad", "B1.h5ad"],
    "results/c/views",
    paper=True,
)
GROUPS = {
    each: {"sections": [f"{each}1"], "model": f"{each}.safetensors", "predictions": f"{each}.h5ad"}
    for each in "AB"
}
# A network of two held-out patients, which is left to train on 30,000 spots.
NETWORK = {"e": Experiment("c", "224x1", 250, {"batch_size": 32}, None, GROUPS)}
PENDING = {each[file]: "x" for each in GROUPS.values() for file in ("model", "predictions")}


def spots(**changes):
    return {"c": count_spots(replace(COHORT, **changes), PENDING, 30_000)[0]}


def test_memory_of_the_jobs_that_run_at_once(monkeypatch):
    # Python, patches, and 32 images of 200 MB.
    needed = 1.5e9 + 30_000 * 224 * 224 * 3 + 32 * 200e6

    def look(there, jobs, networks=NETWORK, **changes):
        monkeypatch.setattr("stnet.planning.plan.memory", lambda: there)
        return check_memory(networks, spots(**changes), "cpu", jobs)

    assert look(needed - 1, 1).state == "missing"
    assert look(needed, 1).state == "OK"
    assert look(2 * needed - 1, 2).remedy == "use --cores 1"
    assert look(1, 2).found.endswith("to train e takes about 12.42 GB, 2 at once")
    assert look(1, 9, {}).state == "OK"
    assert "to train e takes at least 7.90 GB" in look(100e9, 1, paper=False).found


def test_a_disk_that_is_too_small(monkeypatch):
    usage, needed = namedtuple("Usage", "free"), 30_000 * 224 * 224 * 3
    patches = patch_bytes({"c": COHORT}, NETWORK, spots(), PENDING)["to write"]
    for free, state in ((needed, "OK"), (needed - 1, "missing")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage(free))
        [found] = check_disk(patches)
        assert found.state == state
    assert found.found.startswith("patches of networks to write: 4.52 GB; free in ")
    assert found.remedy.startswith("make room")
    assert [each.state for each in check_disk(patches.iloc[:0])] == ["OK"]


def test_a_disk_is_not_called_large_enough_before_the_spots_are_known():
    patches = patch_bytes({"c": COHORT}, NETWORK, spots(paper=False), PENDING)["to write"]
    [found] = check_disk(patches)
    assert found.state == "warning"
    assert "to write: of unknown size; free in" in found.found
    assert found.found.endswith("; the number of spots is not known yet")
    assert found.remedy.endswith("--until section, then ask again")


def test_each_file_system_is_looked_at_by_itself(small_disk):
    Path("other").symlink_to(small_disk)
    found = list(check_disk(pd.Series({"results/c/views": 1e6, "other/c/views": 1e6})))
    assert {each.state: each.found for each in found}.keys() == {"OK", "missing"}
    assert [each.state for each in found if "/other: " in each.found] == ["missing"]


# Hosts and weights


def test_hosts_that_answer_refuse_and_hang(config, monkeypatch):
    monkeypatch.setattr(remote, "PATIENCE", (0.5, 0.5))
    with Remote() as there, socket.create_server(("127.0.0.1", 0)) as hung, Remote() as gone:
        gone.server_close()
        config["hosts"] = {
            "mendeley": there.host,
            "reactome": f"http://127.0.0.1:{hung.getsockname()[1]}",
            "tenx": gone.host,
        }
        rules = ["download_section", "download_gene_sets", "download_visium"]
        pending = {f"resources/{number}/x": rule for number, rule in enumerate(rules)}
        text = told(check_hosts(Configuration(config), pending))
        assert there.requests[0][1] == "bytes=0-0"
    name = there.host.removeprefix("http://")
    assert f"OK answer: {name} do: " in text
    for each in ("reactome", "tenx"):
        host = config["hosts"][each].removeprefix("http://")
        assert f"missing {host} does not answer (" in text
    assert told(check_hosts(Configuration(config), {})) == "OK none is needed do: "


def test_a_proxy_that_is_not_there(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    status, reason = answers(["http://example.invalid/x"])["http://example.invalid/x"]
    assert status == 0
    assert "proxy" in reason.lower()


def test_with_a_mirror_no_host_is_needed(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tcga = {"kind": "slides", "sheet": "s.tsv", "project": "P", "mirror": "slides"}
    config["external"] = {"tcga": tcga}
    pending = {"results/mine/external/tcga/e/all/A.h5ad": "predict_slide"}
    found = "missing mirror slides: no such folder; correct it or remove it do: "
    assert told(check_hosts(Configuration(config), pending)).startswith(found)
    Path("slides").mkdir()
    assert told(check_hosts(Configuration(config), pending)) == "OK none is needed do: "


@pytest.mark.parametrize(
    ("status", "token", "message"),
    [
        (401, "", "asks who you are: no token, or an unknown one"),
        (403, "hf_secret", "gives this token no access"),
        (404, "hf_secret", "has no such file: correct the path"),
        (200, "hf_secret", "gives access"),
        (500, "hf_secret", "does not answer (500)"),
    ],
)
def test_a_gated_encoder(config, monkeypatch, status, token, message):
    monkeypatch.setattr(remote, "get_token", lambda: token or None)
    with Remote() as hub:
        monkeypatch.setattr(remote.constants, "ENDPOINT", hub.host)
        path = f"/{CARD}/resolve/main/model.bin"
        hub.files[path], hub.faults[path] = b"", [status]
        text = told(check_weights(Configuration(config)))
        assert hub.passwords == [f"Bearer {token}" if token else None]
    assert text.startswith("missing no own/model.bin; ")
    assert f"{message}; licence: huggingface.co/{CARD} do: accept the licence there; " in text
    assert text.endswith(f"hf download {CARD} model.bin --local-dir own")
    assert "hf_secret" not in text


def test_weights_that_are_there_and_without_a_card(config):
    features = config["features"]["own"]
    path = Path(features["weights"])
    path.parent.mkdir()
    path.touch()
    text = told(check_weights(Configuration(config)))
    assert text == f"OK {path} is there; licence: huggingface.co/{CARD} do: "
    path.unlink()
    features["model_card"] = None
    assert "missing no own/model.bin do: put them" in told(check_weights(Configuration(config)))


# Sections


def test_a_section_is_read_and_a_misplaced_one_named(config):
    configuration = Configuration(config)
    ever = time.monotonic() + 600
    assert told(check_sections(configuration, ever)).startswith("OK mine: spots of 1 fit")
    made = Section(Path("in"))
    made.spots["pixel_x"] += 150
    made.files()
    text = told(check_sections(configuration, ever))
    assert "spots of section P-1_C1 lie" in text
    assert "off this image" in text


def test_sections_for_which_there_is_no_time_and_no_file(config):
    configuration = Configuration(config)
    text = told(check_sections(configuration, 0.0))
    assert text.startswith("warning mine: 1 not looked at, which would take too long do: ")
    configuration.sections("mine")[0]["format"] = "visium-hd"
    assert told(check_sections(configuration, time.monotonic() + 600)) == text
    Path("in/HE.jpg").unlink()
    assert (
        told(check_sections(configuration, 0.0)) == "OK mine: files of 1 are still to be made do: "
    )


def test_warnings_of_a_section_that_was_made(config):
    path = Path("results/mine/sections/P-1_C1.h5ad")
    path.parent.mkdir(parents=True)
    section_file(path, "P-1_C1", [[1, 2]], ["a", "b"])
    assert told(check_sections(Configuration(config), 0.0)).startswith("OK mine: spots of 1 fit")
    path.write_bytes(path.read_bytes()[:-1])
    assert f"missing P-1_C1: {path}: damaged" in told(check_sections(Configuration(config), 0.0))


@pytest.mark.parametrize(
    ("gene", "targets", "is_named"),
    [
        ("FASN", 2, True),
        ("ERBB2", 2, False),
        ("erbb2", ["ERBB2"], False),
        ("erbb2", ["A"], True),
        (None, 2, False),
    ],
)
def test_a_gene_to_show_that_is_not_measured_or_not_predicted(config, gene, targets, is_named):
    # Symbols of this file are in small letters.
    path = Path("results/mine/sections/P-1_C1.h5ad")
    path.parent.mkdir(parents=True)
    section_file(path, "P-1_C1", [[1, 2]], ["ERBB2", "A"])
    config["cohorts"]["mine"]["report"]["gene"] = gene
    config["targets"]["top"]["genes"] = targets
    text = told(check_sections(Configuration(config), 0.0))
    assert (f"warning cohorts.mine.report.gene: {gene} is not measured, or " in text) == is_named


# The table


def run(config, **changes):
    keys = {"config": config, "files": [], "fault": "", "deployed": [], "executor": "local"}
    return Run(**keys | {"device": "cpu", "at_once": 1} | changes)


def test_a_broken_configuration_is_named_and_the_machine_looked_at(config, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    config["device"] = "gpu"
    assert doctor(run(config)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("missing  configuration  configuration: device: ")
    assert any(line.startswith("OK       packages ") for line in lines)
    assert lines[-1] == "Missing: 1. Warnings: 0."
    assert max(map(len, lines)) <= 80


def test_a_broken_sheet_is_named_and_the_rest_looked_at(config, capsys, monkeypatch):
    monkeypatch.setattr(remote, "get_token", lambda: None)
    monkeypatch.setattr(remote, "answers", lambda urls, token=None: dict.fromkeys(urls, (0, "")))
    Path("in/HE.jpg").unlink()
    assert doctor(run(config, fault="configuration: mine.tsv line 2")) == 1
    text = capsys.readouterr().out
    assert "missing  sheet          mine.tsv line 2 (P-1_C1): no image file in/HE.jpg" in text
    assert "warning  workflow       memory, disk and hosts are looked at when" in text


def test_every_wrong_row_of_a_sheet_is_named(config, capsys):
    sheet = Path("mine.tsv")
    header, row = sheet.read_text().splitlines()
    wrong = [row.replace("P-1_C1", f"P 1_C{number}") for number in range(12)]
    sheet.write_text("\n".join([header, row, *wrong]) + "\n")
    doctor(run(config, fault="configuration: mine.tsv line 3"))
    lines = [line for line in capsys.readouterr().out.splitlines() if " sheet  " in line]
    assert [line.split(":")[0].split()[-1] for line in lines[:-1]] == [*map(str, range(3, 13))]
    assert lines[-1].endswith("mine: 2 rows more")


def test_a_fault_of_the_workflow_and_of_its_jobs(config, capsys, monkeypatch):
    monkeypatch.setattr(remote, "answers", lambda urls, token=None: dict.fromkeys(urls, (0, "")))
    doctor(run(config, fault="predict.model: no such file"))
    assert "missing  workflow       predict.model: no such file" in capsys.readouterr().out
    command = [sys.executable, "-c", "import sys; sys.exit('error: no features of A')"]
    doctor(run(config, pending={"summary": command, "config": config, "n_outputs": {}}))
    assert "missing  workflow       no features of A" in capsys.readouterr().out
    Path("damaged.h5ad").write_text("")
    cohort = {"rows": [], "section_files": ["damaged.h5ad"], "views": "views", "paper": False}
    command = [sys.executable, "-c", "print('output_file\\trule\\tplan')"]
    pending = {"summary": command, "config": config, "n_outputs": {"x": 1}}
    doctor(run(config, pending=pending, cohorts={"mine": cohort}))
    assert "missing  workflow       damaged.h5ad: damaged" in capsys.readouterr().out
