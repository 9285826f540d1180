"""A small real run is certified; what changes is named, and its jobs write the same bits again."""

import os
import subprocess

import pytest
from project import DEMO, ROOT, copy_project, copy_run, planned, snakemake

SECTION = "results/demo/sections/BC90001_C1.h5ad"
METADATA = "resources/demo/metadata.csv"
CERTIFICATE = "results/certificate.sha256"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of three jobs, and what it printed at the end."""
    folder = copy_project(tmp_path_factory.mktemp("verify") / "finished")
    # From elsewhere: Snakemake has left the folder of the run when the certificate is written.
    where = ("--snakefile", folder / "Snakefile", "--directory", folder)
    demo = ("--configfile", folder / DEMO[1])
    profile = ("--workflow-profile", folder / "profiles/default")
    run = snakemake(
        folder.parent, *where, *demo, *profile, "--quiet", "all", "--", SECTION, METADATA
    )
    return folder, run.stdout


def verify(folder, *config):
    options = ["--quiet", "all", "--config", "calibration=1", *config]
    run = snakemake(folder, *DEMO, *options, "--", "verify", check=False)
    return run.returncode, (run.stdout + run.stderr).splitlines()


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_verify_is_one_job():
    assert planned(ROOT, "--", "verify") == {"verify": 1}


def test_a_run_is_certified_at_its_end(finished):
    folder, printed = finished
    text = (folder / CERTIFICATE).read_text()
    assert f"{CERTIFICATE}: what this run read and wrote (SHA-256 " in printed
    assert f"# targets: {METADATA} {SECTION}\n" in text
    assert "\n# configuration files: config/demo.yaml config/config.yaml\n" in text
    for name in (SECTION, METADATA, "resources/demo/BC90001_C1/image.jpg", "requirements.lock"):
        assert f"  {name}\n" in text
    assert "/logs/" not in text
    assert str(folder) not in text


@pytest.mark.parametrize("sample", [1, pytest.param(3, marks=pytest.mark.full)])
def test_a_flipped_byte_is_named_and_jobs_write_the_same_bits(finished, tmp_path, sample):
    folder = copy_run(finished[0], tmp_path / "run")
    certified = (folder / CERTIFICATE).read_bytes()
    stat = (folder / SECTION).stat()
    flip(folder / SECTION)
    code, lines = verify(folder, f"verify_sample={sample}", "verify_seed=1")
    assert code == 1
    named = [line for line in lines if line.startswith(("changed", "missing", "added"))]
    assert named == [f"changed: {SECTION} (made by section)"]
    again = [line for line in lines if line.startswith("rerun ")]
    assert len(again) == sample
    assert all(": the same bits (" in line for line in again)
    assert "error: results/certificate.sha256: files not as certified: 1" in "\n".join(lines)
    # No job wrote into the results, and the run is where it was.
    flip(folder / SECTION)
    os.utime(folder / SECTION, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (folder / CERTIFICATE).read_bytes() == certified
    assert not list((folder / "results").glob(".verify.*"))
    checked = ["sha256sum", "--check", "--quiet", "--strict", CERTIFICATE]
    assert subprocess.run(checked, cwd=folder, capture_output=True).returncode == 0
    assert planned(folder, "--", SECTION, METADATA) == {}


def test_a_run_does_not_fail_for_its_certificate(finished, tmp_path):
    folder = copy_run(finished[0], tmp_path / "run")
    (folder / CERTIFICATE).unlink()
    (folder / CERTIFICATE).mkdir()
    run = snakemake(folder, *DEMO, "--quiet", "all", "--", SECTION, METADATA)
    assert f"no certificate: {CERTIFICATE}: damaged ([Errno 21] Is a directory: " in run.stderr
    assert "Traceback" not in run.stderr


def test_what_is_missing_after_touch_is_not_certified(finished, tmp_path):
    folder = copy_run(finished[0], tmp_path / "run")
    (folder / SECTION).unlink()
    (folder / CERTIFICATE).unlink()
    snakemake(folder, *DEMO, "--quiet", "all", "--touch", "--", SECTION, METADATA)
    assert not (folder / CERTIFICATE).exists()


def test_a_failed_run_is_not_certified(finished, tmp_path):
    folder = copy_run(finished[0], tmp_path / "run")
    certified = (folder / CERTIFICATE).read_bytes()
    (folder / SECTION).unlink()
    (folder / "resources/demo/BC90001_C1/counts.tsv.gz").write_bytes(b"no gzip")
    assert snakemake(folder, *DEMO, "--", SECTION, check=False).returncode == 1
    assert (folder / CERTIFICATE).read_bytes() == certified
