"""What the doctor says where one thing after another is taken away."""

import shutil
import socket
import sys
import time
from collections import namedtuple
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch
import yaml
from remote import Remote
from sections import section_file
from st_files import CLASSES, Section

from stnet.config.configuration import Configuration
from stnet.core import gpu
from stnet.core.errors import InputError
from stnet.networks.tensors import write_tensors
from stnet.planning import doctor as doctor_module
from stnet.planning import machine, placement, remote
from stnet.planning.doctor import Run, doctor
from stnet.planning.machine import (
    Finding,
    check_folders,
    check_gpu,
    check_packages,
    check_programs,
)
from stnet.planning.needs import Work, check_disk, check_memory
from stnet.planning.placement import check_sections
from stnet.planning.remote import answers, check_hosts, check_weights, download_bytes
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


def test_an_old_package_a_missing_one_and_another_than_the_locked(monkeypatch):
    assert {each.state for each in check_packages(False, True)} == {"OK"}
    there = {"numpy": "1.26.0", "tifffile": "2025.12.1"}

    def found(name):
        if name == "timm":
            raise PackageNotFoundError(name)
        return there.get(name) or version(name)

    monkeypatch.setattr(machine, "version", found)
    text = told(check_packages(False, False))
    assert "missing numpy 1.26.0 is not >=2.4, no timm do: pip install -r requirements.lock" in text
    assert "warning not as locked: tifffile 2025.12.1 is not ==" in text
    # With conda, jobs have packages of their own.
    assert "missing" not in told(check_packages(True, False))


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(machine, "python_version", lambda: "3.9.1")
    assert "missing 3.9.1 in " in told(check_packages(True, False))


def test_openslide_without_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "openslide", None)
    assert "missing cannot be loaded" in told(check_packages(False, False))


def test_no_conda_and_no_slurm(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert told(check_programs(False, "local")) == ""
    text = told(check_programs(True, "slurm"))
    assert "missing --use-conda, but no conda on the PATH do: install it" in text
    assert "missing not on the PATH: sbatch, squeue, scancel, sinfo do: run on a node" in text
    for name in ("conda", "sbatch", "squeue", "scancel", "sinfo"):
        (tmp_path / name).touch(0o755)
    assert "missing" not in told(check_programs(True, "slurm"))


def test_no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert check_gpu("cpu", "local", 1).state == check_gpu("cuda", "slurm", 1).state == "OK"
    text = told(check_gpu("cuda", "local", 1))
    assert text.startswith("missing device: cuda is configured, but CUDA_VISIBLE_DEVICES= hides")
    assert "do: add --config device=cpu" in text


def test_a_gpu_that_torch_cannot_use_and_one_for_two_jobs(monkeypatch):
    monkeypatch.setattr(machine, "why_no_gpu", lambda: "")
    monkeypatch.setattr(gpu, "_cards", lambda: [["GPU-a"]])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "missing torch 2." in told(check_gpu("cuda", "local", 1))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    card = namedtuple("Card", "name total_memory")("H200", 140e9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: card)
    assert check_gpu("cuda", "local", 1).found == "1, H200 of 140 GB; jobs at once: 1"
    assert "add --resources gpu=1" in told(check_gpu("cuda", "local", 2))


def test_a_folder_that_cannot_be_written(tmp_path):
    assert check_folders(["results", "x/y"]).state == "OK"
    assert not Path("x").exists()
    Path("results").write_text("no folder")
    text = told(check_folders(["results", "x/y"]))
    assert text.startswith(f"missing not writable: {tmp_path}/results (Not a directory) do: ")


# Memory and disk


@pytest.fixture
def work():
    """A network of two held-out patients is left to train, on 30,000 spots."""
    rows = [{"patient": each, "section": f"{each}1"} for each in "AB"]
    groups = {
        each["patient"]: {
            "sections": [each["section"]],
            "model": f"{each['patient']}.safetensors",
            "predictions": f"{each['patient']}.h5ad",
        }
        for each in rows
    }
    cohorts = {"c": Cohort(rows, ["A1.h5ad", "B1.h5ad"], "results/c/views", paper=True)}
    recipe = {"batch_size": 32}
    experiments = {"e": Experiment("c", "224x1", 250, recipe, None, groups)}
    pending = {each[file]: "x" for each in groups.values() for file in ("model", "predictions")}
    spots = {"c": count_spots(cohorts["c"], pending, 30_000)[0]}
    return Work(cohorts, experiments, spots, pending)


def test_memory_of_the_jobs_that_run_at_once(work, monkeypatch):
    # Python, patches, and 32 images of 200 MB.
    needed = 1.5e9 + 30_000 * 224 * 224 * 3 + 32 * 200e6

    def look(there, jobs):
        monkeypatch.setattr("stnet.planning.needs.memory", lambda: there)
        return check_memory(work, "cpu", jobs)

    assert look(needed - 1, 1).state == "missing"
    assert look(needed, 1).state == "OK"
    assert look(2 * needed - 1, 2).remedy == "use --cores 1"
    assert look(1, 2).found.endswith("to train e takes about 12.42 GB, 2 at once")
    assert check_memory(work._replace(pending={}), "cpu", 9).state == "OK"


def test_memory_is_not_known_before_the_spots_are(work, monkeypatch):
    monkeypatch.setattr("stnet.planning.needs.memory", lambda: 100e9)
    cohort = replace(work.cohorts["c"], paper=False)
    work = work._replace(spots={"c": count_spots(cohort, work.pending, 0)[0]})
    found = check_memory(work, "cpu", 1)
    assert found.state == "warning"
    assert found.found.endswith(
        "to train e takes more than 7.90 GB; the number of spots is not known yet"
    )
    assert found.remedy == "snakemake … --until section, then ask again"


def test_a_disk_that_is_too_small(work, monkeypatch):
    usage = namedtuple("Usage", "free")
    downloads = {"resources/c": float("nan")}
    # Patches; two models of 30 MB; a predicted and a measured value of 250 genes.
    needed = 30_000 * 224 * 224 * 3 + 60e6 + 30_000 * 250 * 8
    for free, state in ((needed, "OK"), (needed - 1, "missing")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage(free))
        [found] = check_disk(work, downloads)
        assert found.state == state
    assert "to write: 4.52 GB of patches, 120.00 MB of models and predictions" in found.found
    assert found.found.endswith("; not known yet: downloads")
    assert found.remedy.startswith("make room")


def test_each_file_system_is_looked_at_by_itself(small_disk, work):
    Path("resources").symlink_to(small_disk)
    found = list(check_disk(work, {"resources/c": 1e6}))
    assert [each.state for each in found if "/resources: " in each.found] == ["missing"]
    assert len(found) == 2


def test_bytes_of_downloads(config):
    path = "resources/stnet/S/image.jpg"
    pending = {path: "download_section", "resources/v/S/image.tif": "download_visium"}
    found = download_bytes(Configuration(config), pending, 1)
    assert [str(each) for each in found.values()] == ["nan", "nan"]
    Path(path).parent.mkdir(parents=True)
    Path("resources/stnet/listing.tsv").write_text("name\tsize\na\t20\nb\t3\n")
    Path("config/cohorts").mkdir(parents=True)
    lock = f"file\tsize\tsha256\nx\t7\t{'0' * 64}\n"
    Path("config/cohorts/v.lock.tsv").write_text(lock)
    found = download_bytes(Configuration(config), pending, 1)
    assert found == {"resources/stnet": 23, "resources/v": 7}


# Hosts and weights


def test_hosts_that_answer_refuse_hang_and_lack_the_file(config, monkeypatch):
    monkeypatch.setattr(remote, "PATIENCE", 0.5)
    with Remote() as there, socket.create_server(("127.0.0.1", 0)) as hung, Remote() as gone:
        gone.server_close()
        config["hosts"] = {
            "mendeley": there.host,
            "reactome": f"http://127.0.0.1:{hung.getsockname()[1]}",
            "tenx": gone.host,
            "hgnc": f"{there.host}/set.txt",
        }
        rules = ["download_section", "download_gene_sets", "download_visium", "download_gene_table"]
        pending = {f"resources/{number}/x": rule for number, rule in enumerate(rules)}
        text = told(check_hosts(Configuration(config), pending))
        assert there.requests[0][1] == "bytes=0-0"
    name = there.host.removeprefix("http://")
    assert f"OK answer: {name} do: " in text
    assert f"missing {there.host}/set.txt answers 404 do: correct hosts.hgnc" in text
    both = [config["hosts"][each].removeprefix("http://") for each in ("reactome", "tenx")]
    assert f"missing no answer from {', '.join(both)} (" in text
    assert told(check_hosts(Configuration(config), {})) == "OK none is needed do: "


def test_a_proxy_that_is_not_there(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    status, reason = answers(["http://example.invalid/x"])["http://example.invalid/x"]
    assert status == 0
    assert "proxy" in reason.lower()


def test_a_mirror_without_a_folder(config):
    tcga = {"kind": "slides", "sheet": "s.tsv", "project": "P", "mirror": "slides"}
    config["external"] = {"tcga": tcga}
    pending = {"results/mine/external/tcga/e/all/A.h5ad": "predict_slide"}
    assert "missing no folder slides" in told(check_hosts(Configuration(config), pending))
    Path("slides").mkdir()
    assert told(check_hosts(Configuration(config), pending)) == "OK none is needed do: "


@pytest.mark.parametrize(
    ("status", "token", "message"),
    [
        (
            401,
            "",
            "asks who you are: no token do: accept the terms on huggingface.co/owner/enc",
        ),
        (401, "hf_secret", "refuses your token do: hf auth login"),
        (403, "hf_secret", "your token has no access to owner/encoder do: accept the terms"),
        (404, "hf_secret", "owner/encoder has no such file do: correct the path"),
        (
            200,
            "hf_secret",
            "access to owner/encoder is given do: hf download owner/encoder model",
        ),
        (500, "hf_secret", "does not tell (500) do: where there is a network: hf download"),
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
    assert message in text
    assert "hf_secret" not in text


def test_weights_with_a_wrong_checksum(config):
    features = config["features"]["own"]
    features |= {"weights": "own/model.safetensors"}
    path = Path(features["weights"])
    write_tensors(path, {"a": torch.ones(8)})
    assert told(check_weights(Configuration(config))) == f"OK {path} is there do: "
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    text = told(check_weights(Configuration(config)))
    assert text.startswith(f"missing {path}: damaged (its checksum does not match")
    path.unlink()
    features["model_card"] = None
    assert "missing no own/model.safetensors do: put them" in told(
        check_weights(Configuration(config))
    )


# Sections


def test_a_section_is_read_and_a_misplaced_one_named(config):
    configuration = Configuration(config)
    ever = time.monotonic() + 600
    assert told(check_sections(configuration, ever)).startswith("OK mine: 1 whose spots fit")
    made = Section(Path("in"))
    made.spots["pixel_x"] += 150
    made.files()
    text = told(check_sections(configuration, ever))
    assert "spots of section P-1_C1 lie" in text
    assert "off this image" in text


def test_sections_for_which_there_is_no_time_and_no_file(config):
    configuration = Configuration(config)
    text = told(check_sections(configuration, 0.0))
    assert text.startswith("warning mine: 1 not looked at (about 0.2 minutes of a core) do: ")
    configuration.sections("mine")
    Path("in/HE.jpg").unlink()
    assert told(check_sections(configuration, 0.0)) == "OK mine: 1 still to be made do: "


def test_a_section_that_takes_too_long_is_not_called_damaged(config, monkeypatch):
    def decode(*arguments, **keys):
        # As decoders take what is raised within them.
        try:
            time.sleep(5)
        except OSError as error:
            raise InputError(f"damaged ({error!r})") from error

    monkeypatch.setattr(placement, "write_section", decode)
    text = told(check_sections(Configuration(config), time.monotonic() + 0.2))
    assert text.startswith("warning mine: 1 not looked at")


def test_warnings_of_a_section_that_was_made(config):
    path = Path("results/mine/sections/P-1_C1.h5ad")
    path.parent.mkdir(parents=True)
    section_file(path, "P-1_C1", [[1, 2]], ["a", "b"])
    assert told(check_sections(Configuration(config), 0.0)).startswith("OK mine: 1 whose")
    path.write_bytes(path.read_bytes()[:-1])
    assert "missing results/mine/sections/P-1_C1.h5ad: damaged" in told(
        check_sections(Configuration(config), 0.0)
    )


# The table


def run(config, **changes):
    keys = {"config": config, "files": [], "fault": "", "conda": False, "executor": "local"}
    return Run(**keys | {"at_once": {"jobs": 1, "gpu": 1, "slides": 1}} | changes)


def test_a_broken_configuration_is_named_and_the_machine_looked_at(config, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    config["device"] = "gpu"
    assert doctor(run(config)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("missing  configuration  configuration: device: ")
    assert any(line.startswith("OK       Python ") for line in lines)
    assert lines[-1].startswith(
        "Missing: 1. Warnings: 0. The same for programs: results/logs/doctor.tsv"
    )
    table = Path("results/logs/doctor.tsv").read_text().splitlines()
    assert table[0].split("\t") == ["check", "state", "found", "remedy"]
    assert table[1].startswith("configuration\tmissing\tconfiguration: device: ")
    assert max(map(len, lines)) <= 80


def test_a_broken_sheet_is_named_and_the_rest_looked_at(config, capsys, monkeypatch):
    monkeypatch.setattr(remote, "get_token", lambda: None)
    monkeypatch.setattr(remote, "answers", lambda urls, headers: {})
    Path("in/HE.jpg").unlink()
    assert doctor(run(config, fault="configuration: mine.tsv line 2")) == 1
    text = capsys.readouterr().out
    assert "missing  sheet          mine.tsv line 2 (P-1_C1): no image file in/HE.jpg" in text
    assert "warning  workflow       memory, disk and hosts are looked at when" in text


def test_a_fault_of_the_workflow_and_of_its_jobs(config, capsys, monkeypatch):
    monkeypatch.setattr(remote, "answers", lambda urls, headers: {})
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


def test_without_a_folder_to_write_in_there_is_no_table(config, capsys, monkeypatch):
    def refuse(path):
        raise InputError(f"{path}: cannot be written")

    monkeypatch.setattr(doctor_module, "atomic_path", refuse)
    config["device"] = "gpu"
    assert doctor(run(config)) == 1
    assert capsys.readouterr().out.endswith("\nMissing: 1. Warnings: 0.\n")
