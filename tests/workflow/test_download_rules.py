"""The download rules as Snakemake runs them, on a cohort of one section from a local server."""

import pytest
import yaml
from hgnc import TABLE
from project import copy_project, edit, snakemake
from remote import Remote, two_patients

SECTION = "resources/tiny/BC100_C1"
FILES = {
    f"{SECTION}/image.jpg": b"image of 100 C1",
    f"{SECTION}/counts.tsv.gz": b"counts of 100 C1",
    f"{SECTION}/spots.csv.gz": b"spots of 100 C1",
    f"{SECTION}/labels.tsv.gz": b"labels of 100 C1",
    "resources/genes/hgnc.tsv": TABLE.encode(),
}
COLUMNS = "patient section format image counts spots labels grid um_per_px pixel_scale"
COHORT = {
    "sheet": "config/cohorts/tiny.tsv",
    "source": "mendeley",
    "dataset": "abc123",
    "version": 5,
    "require_label": True,
    "label_classes": {"tumour": ["tumor"], "normal": ["non"]},
    "spot_window": 224,
    "spot_pitch_um": 200,
}


def row(patient, section, um_per_px=""):
    files = [
        f"{section}/{n}" for n in ("image.jpg", "counts.tsv.gz", "spots.csv.gz", "labels.tsv.gz")
    ]
    return [patient, section, "st-v5", *files, "square", um_per_px, ""]


def write_sheet(folder, *rows):
    lines = ["\t".join(cells) + "\n" for cells in [COLUMNS.split(), *rows]]
    (folder / "config/cohorts/tiny.tsv").write_text("".join(lines))


@pytest.fixture
def remote():
    with Remote() as server:
        server.publish("abc123", 5, two_patients())
        server.files["/hgnc_2020-01-01.txt"] = TABLE.encode()
        yield server


@pytest.fixture
def project(tmp_path, remote):
    folder = copy_project(tmp_path / "project")
    write_sheet(folder, row("BC100", "BC100_C1"))
    configure(folder, remote.host)
    return folder


def configure(folder, host, **keys):
    hosts = {"mendeley": host, "hgnc": f"{host}/hgnc_2020-01-01.txt"}
    config = {"hosts": hosts, "cohorts": {"tiny": COHORT | keys}}
    (folder / "config/tiny.yaml").write_text(yaml.safe_dump(config))


def run(folder, *arguments, targets=tuple(FILES), check=True):
    done = snakemake(
        folder, "--configfile", "config/tiny.yaml", *arguments, "--", *targets, check=check
    )
    return done.stdout + done.stderr


def test_section_and_genes_are_downloaded_once(project, remote):
    remote.faults["/public-files/HE_BT100_C1.jpg"] = ["cut"]
    run(project)
    assert {name: (project / name).read_bytes() for name in FILES} == FILES
    lock = (project / "config/cohorts/tiny.lock.tsv").read_text().splitlines()
    assert len(lock) == 1 + len(two_patients())
    assert (project / "config/genes.lock.tsv").read_text().count("\nhgnc_2020-01-01.txt\t") == 1

    # Nothing of this changes the bytes.
    edit(project / "src/stnet/sources/http.py", "CHUNK = 1 << 16", "CHUNK = 1 << 17")
    write_sheet(project, row("BC100", "BC100_C1", "0.7"))
    configure(project, "http://elsewhere.example", mirror="mirror")
    assert "Nothing to be done" in run(project, "--dry-run")

    # A section more does not fetch the others again.
    configure(project, remote.host)
    write_sheet(project, row("BC100", "BC100_C1"), row("BC205", "BC205_C1"))
    remote.requests.clear()
    run(project, targets=[*FILES, "resources/tiny/BC205_C1/image.jpg"])
    fetched = [path for path, _ in remote.requests if path.startswith("/public-files/")]
    assert len(fetched) == 4
    assert all("205_C1" in path for path in fetched)

    configure(project, remote.host, version=6)
    assert "download_section" in run(project, "--dry-run")


def test_wrong_bytes_leave_nothing_and_one_line(project, remote):
    run(project)
    image, lock = project / SECTION / "image.jpg", project / "config/cohorts/tiny.lock.tsv"
    image.unlink()
    lock.write_text(lock.read_text().replace("HE_BT100_C1.jpg\t15\t", "HE_BT100_C1.jpg\t15\tf"))
    said = run(project, check=False)
    lines = {line for line in said.splitlines() if "error: " in line}
    assert len(lines) == 1
    assert "error: config/cohorts/tiny.lock.tsv: HE_BT100_C1.jpg was 15 bytes" in lines.pop()
    assert not image.exists()
