import csv
from pathlib import Path

import pytest
from remote import Remote, listing_path, sha256, two_patients

from stnet.config.section_sheet import read_sheet
from stnet.core.errors import InputError
from stnet.sources.lock import Fingerprint, read_lock
from stnet.sources.mendeley import KINDS, download_section, section_files, write_listing

ROOT = Path(__file__).parents[2]
DATASET, VERSION = "abc123", 5


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


class Cohort:
    """The outputs of one cohort's downloads, in a folder."""

    def __init__(self, folder: Path, remote: Remote):
        self.folder, self.remote = folder, remote
        self.listing = folder / "listing.tsv"
        self.metadata = folder / "metadata.csv"
        self.lock = folder / "lock.tsv"

    def list_files(self, mirror=None):
        write_listing(
            self.listing,
            self.metadata,
            host=self.remote.host,
            dataset=DATASET,
            version=VERSION,
            lock=self.lock,
            mirror=mirror,
        )

    def download(self, patient="BC100", section="BC100_C1", mirror=None) -> dict[str, bytes]:
        outputs = {kind: self.folder / section / kind for kind in KINDS}
        download_section(self.listing, patient, section, outputs, lock=self.lock, mirror=mirror)
        return {kind: path.read_bytes() for kind, path in outputs.items()}


@pytest.fixture
def cohort(tmp_path, quick):
    with Remote() as remote:
        remote.publish(DATASET, VERSION, two_patients())
        yield Cohort(tmp_path, remote)


def test_listing_resolves_the_files_of_each_section(cohort):
    cohort.list_files()
    files = section_files(cohort.listing, "BC100", "BC100_C1")
    assert {kind: file.name for kind, file in files.items()} == {
        "labels": "BC100_C1_Coords.tsv.gz",
        "spots": "spots_BT100_C1.csv.gz",
        "counts": "BC100_C1_stdata.tsv.gz",
        "image": "HE_BT100_C1.jpg",
    }
    content = two_patients()["HE_BT100_C1.jpg"]
    assert files["image"].fingerprint == (len(content), sha256(content))
    assert files["image"].url == f"{cohort.remote.host}/public-files/HE_BT100_C1.jpg"
    assert section_files(cohort.listing, "BC100", "BC100_D2")["image"].name == "HE_BC100_D2.jpg"


def test_sections_of_the_paper_match_whatever_the_prefix(tmp_path):
    sheet = read_sheet(ROOT / "config/cohorts/stnet.tsv", "root", check_files=False)
    assert len(sheet) == 68
    for i, row in enumerate(sheet):
        row["number"] = row["patient"].replace("BC", "BT" if i % 2 else "BC")
    listing = tmp_path / "listing.tsv"
    with open(listing, "w") as file:
        print("patient", "replicate", "kind", "name", "size", "sha256", "url", sep="\t", file=file)
        for row in sheet:
            for kind in KINDS:
                cells = [row["number"], row["section"][-2:], kind, row["section"], 1, "", ""]
                print(*cells, sep="\t", file=file)
    for row in sheet:
        files = section_files(listing, row["patient"], row["section"])
        assert {file.name for file in files.values()} == {row["section"]}


def test_section_sheet_is_the_papers():
    reference = ROOT.parent / "shared/paper/sections.tsv"
    if not reference.is_file():
        pytest.skip("no shared/paper/sections.tsv beside the checkout")
    with open(ROOT / "config/cohorts/stnet.tsv") as sheet, open(reference) as paper:
        ours, theirs = (list(csv.DictReader(file, delimiter="\t")) for file in (sheet, paper))
    for column in ("patient", "section", "subtype"):
        assert [row[column] for row in ours] == [row[column] for row in theirs]
    assert len({row["patient"] for row in ours}) == 23


def test_section_without_files(cohort):
    cohort.list_files()
    with pytest.raises(InputError) as error:
        cohort.download("BC100", "BC100_E1")
    assert "listing.tsv: 0 files for section BC100_E1 of patient BC100, not 4" in one_line(error)


def test_a_listing_that_was_cut_is_damaged(cohort):
    cohort.list_files()
    content = cohort.listing.read_bytes()
    for other in (b"", content[: len(content) // 2], content.replace(b"100", b"101", 1)):
        cohort.listing.write_bytes(other)
        with pytest.raises(InputError, match=r"listing\.tsv: damaged"):
            section_files(cohort.listing, "BC100", "BC100_C1")


def test_section_with_the_files_of_two(cohort):
    files = two_patients()
    files["metadata.csv"] = files["metadata.csv"].replace(b"BC100,D2", b"BC100,C1")
    cohort.remote.publish(DATASET, VERSION, files)
    cohort.list_files()
    with pytest.raises(InputError, match="8 files for section BC100_C1 of patient BC100"):
        cohort.download()


def test_first_run_writes_the_lock_and_the_second_keeps_it(cohort):
    cohort.list_files()
    files = two_patients()
    assert read_lock(cohort.lock) == {
        name: Fingerprint(len(content), sha256(content)) for name, content in files.items()
    }
    before = cohort.lock.stat()
    cohort.list_files()
    after = cohort.lock.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_lock_that_disagrees_stops_listing_and_download(cohort):
    cohort.list_files()
    good = cohort.listing.read_bytes()
    wrong = cohort.lock.read_text().replace(sha256(two_patients()["HE_BT100_C1.jpg"]), "0" * 64)
    cohort.lock.write_text(wrong)
    with pytest.raises(InputError) as error:
        cohort.list_files()
    assert f"{cohort.lock}: HE_BT100_C1.jpg was " in one_line(error)
    with pytest.raises(InputError, match=r"HE_BT100_C1.jpg was "):
        cohort.download()
    assert cohort.listing.read_bytes() == good
    assert cohort.lock.read_text() == wrong
    assert not (cohort.folder / "BC100_C1").exists()


def test_dataset_without_a_needed_file(cohort):
    files = two_patients()
    del files["spots_BC100_D2.csv.gz"]
    cohort.remote.publish(DATASET, VERSION, files)
    with pytest.raises(InputError) as error:
        cohort.list_files()
    assert "no file 'spots_BC100_D2.csv.gz'" in one_line(error)
    assert "as spots of patient BC100, replicate D2" in one_line(error)
    assert not cohort.listing.exists()


def test_dataset_without_metadata(cohort):
    cohort.remote.publish(DATASET, VERSION, {"other.csv": b""})
    with pytest.raises(InputError, match=r"dataset abc123 version 5: has no metadata.csv"):
        cohort.list_files()


def test_metadata_without_a_column(cohort):
    content = two_patients()["metadata.csv"].replace(b"spot_coordinates", b"spots")
    cohort.remote.publish(DATASET, VERSION, two_patients() | {"metadata.csv": content})
    with pytest.raises(InputError, match=r"metadata.csv: no column spot_coordinates"):
        cohort.list_files()


def test_errors_with_status_200_are_asked_again(cohort):
    cohort.remote.faults[listing_path(DATASET, VERSION)] = ["error", 503]
    cohort.remote.faults["/public-files/metadata.csv"] = ["error", "corrupt"]
    cohort.list_files()
    assert cohort.metadata.read_bytes() == two_patients()["metadata.csv"]


def test_listing_that_is_always_an_error(cohort):
    cohort.remote.faults[listing_path(DATASET, VERSION)] = ["error"] * 4
    with pytest.raises(InputError) as error:
        cohort.list_files()
    assert "the answer is not a list but \"{'message': 'Internal server error'}\"" in one_line(
        error
    )
    assert not cohort.lock.exists()


@pytest.mark.parametrize("answer", [b'[{"filename": "a"}]', b"[1]"])
def test_listing_of_another_shape(cohort, answer):
    cohort.remote.files[listing_path(DATASET, VERSION)] = answer
    with pytest.raises(InputError, match="an entry without name, size, hash or address"):
        cohort.list_files()


def test_section_is_downloaded(cohort):
    cohort.list_files()
    cohort.remote.faults["/public-files/HE_BT100_C1.jpg"] = ["error"]
    assert cohort.download() == {kind: f"{kind} of 100 C1".encode() for kind in KINDS}


def test_mirror_comes_before_the_network(cohort, tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for name in ("metadata.csv", "HE_BT100_C1.jpg"):
        (mirror / name).write_bytes(two_patients()[name])
    cohort.list_files(mirror=mirror)
    assert cohort.download(mirror=mirror) == {k: f"{k} of 100 C1".encode() for k in KINDS}
    assert cohort.remote.asked("metadata.csv") == []
    assert cohort.remote.asked("HE_BT100_C1.jpg") == []
    assert cohort.remote.asked("BC100_C1_stdata.tsv.gz") == [""]


def test_mirror_with_another_file(cohort, tmp_path):
    cohort.list_files()
    (tmp_path / "HE_BT100_C1.jpg").write_bytes(b"another")
    with pytest.raises(InputError, match=r"HE_BT100_C1.jpg: sha256 is not"):
        cohort.download(mirror=tmp_path)
    assert sorted(path.name for path in tmp_path.glob("BC100_C1/[!.]*")) == [
        "counts",
        "labels",
        "spots",
    ]
    with pytest.raises(InputError, match="nowhere: no such folder"):
        cohort.download(mirror=tmp_path / "nowhere")
