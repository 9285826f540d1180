import hashlib
import os

import pytest
from gdc_remote import GdcRemote, case, patient, slide, star_table
from remote import QUICK, limit

from stnet.config.slide_sheet import read_slide_sheet
from stnet.core.errors import InputError
from stnet.sources import gdc, http
from stnet.sources.gdc import download_file, list_entries
from stnet.sources.gdc_sheet import write_slide_sheet

CONTENT = bytes(range(256)) * 2000
MD5, SIZE = hashlib.md5(CONTENT).hexdigest(), len(CONTENT)
DUCTAL = {"morphology": "8500/3", "primary_diagnosis": "Infiltrating duct carcinoma, NOS"}
LOBULAR = {"morphology": "8520/3", "primary_diagnosis": "Lobular carcinoma, NOS"}


@pytest.fixture
def remote(quick):
    with GdcRemote() as server:
        server.files["/data/f1"] = CONTENT
        yield server


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


# Listings


@pytest.fixture
def ten(remote, monkeypatch):
    """Ten slides, listed in pages of four."""
    monkeypatch.setattr(gdc, "PAGE", 4)
    remote.listings["files"] = [slide(f"id{i}", f"s{i}.svs", case("P", "01A")) for i in range(10)]
    return remote


def ids(remote) -> list[str]:
    entries = list_entries(remote.host, "files", filters={"access": "open"}, fields=["file_name"])
    assert all(entry.keys() == {"file_id", "file_name"} for entry in entries)
    return [entry["file_id"] for entry in entries]


ALL_TEN = [f"id{i}" for i in range(10)]


def test_all_pages_are_read(ten):
    ten.listings["files"][3:3] = [slide("id0x", "other.svs", access="controlled")]
    assert ids(ten) == ALL_TEN
    assert [body["from"] for _, body in ten.bodies] == [0, 3, 6]
    assert {(body["size"], body["sort"]) for _, body in ten.bodies} == {(4, "file_id:asc")}


@pytest.mark.parametrize("size", [2, 3, 9, 10, 11])
def test_every_page_size_gives_the_same(ten, monkeypatch, size):
    monkeypatch.setattr(gdc, "PAGE", size)
    assert ids(ten) == ALL_TEN
    ten.edits = [lambda entries: entries[::-1]] * 20
    assert ids(ten) == ALL_TEN


def test_empty_listing(remote):
    assert ids(remote) == []


def shorter(entries):
    return entries[1:]


def longer(entries):
    return [slide("id00", "new.svs"), *entries]


def shifted(entries):
    """One went and another came: as many entries as before."""
    return [*entries[1:], slide("id99", "new.svs")]


def repeated(entries):
    return [*entries[:5], entries[0], *entries[6:]]


def as_is(entries):
    return entries


@pytest.mark.parametrize("change", [shorter, longer, shifted, repeated])
def test_listing_that_changed_once_is_read_again(ten, change, caplog):
    ten.edits = [as_is, change]
    assert ids(ten) == ALL_TEN
    assert [body["from"] for _, body in ten.bodies] == [0, 3, 0, 3, 6]
    assert f"{ten.host}/files: " in caplog.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (shorter, "10 entries became 9 during the listing"),
        (longer, "10 entries became 11 during the listing"),
        (shifted, "id3 moved to another page during the listing"),
    ],
)
def test_listing_that_always_changes_is_refused(ten, change, reason):
    ten.edits = [as_is, change] * QUICK["attempts"]
    with pytest.raises(InputError) as error:
        ids(ten)
    assert one_line(error).startswith(f"{ten.host}/files: {reason} (attempt 4 of 4)")
    assert len(ten.bodies) == 2 * QUICK["attempts"]


class Short(list):
    """Entries whose pages after the first are shorter than asked for."""

    def __getitem__(self, span):
        return super().__getitem__(span)[:1] if span.start else super().__getitem__(span)


def test_listing_that_stays_short_is_refused(ten):
    ten.edits = [Short] * 99
    with pytest.raises(InputError, match="files: received only 4 of 10 entries"):
        ids(ten)


def test_entry_that_is_there_twice_is_refused(ten):
    ten.edits = [repeated] * 99
    with pytest.raises(InputError, match=r"files: the .* entries after .* have a repeated one"):
        ids(ten)


@pytest.mark.parametrize("fault", ["cut", "reset", "error", "corrupt", 503, 500])
def test_faulty_page_is_asked_for_again(ten, fault):
    ten.edits = [as_is] * 99
    ten.faults["/files"] = ["", fault]
    assert ids(ten) == ALL_TEN


@pytest.mark.parametrize("fault", ["cut", "error", 503])
def test_pages_that_are_always_faulty(ten, fault):
    ten.faults["/files"] = ["", *[fault] * 99]
    with pytest.raises(InputError, match=f"{ten.host}/files: .*attempt 4 of 4"):
        ids(ten)


def test_listing_waits_as_long_as_the_server_says(ten, monkeypatch):
    waits = []
    monkeypatch.setattr(http.time, "sleep", waits.append)
    ten.faults["/files"] = [503]
    limit(backoff=0.001)
    list_entries(ten.host, "files", filters={}, fields=[])
    assert waits == [7]


def test_refused_listing_is_not_asked_for_again(ten):
    ten.faults["/files"] = [400]
    with pytest.raises(InputError, match="files: the server answered 400"):
        ids(ten)
    assert len(ten.bodies) == 1


def test_warnings_are_passed_on(ten, caplog):
    ten.warnings = {"fields": "unrecognized values: [file_nam]"}
    ids(ten)
    assert caplog.text.count("the server warns: {'fields': 'unrecognized") == 1


# Files


def fetch(remote, target, md5=MD5, size=SIZE):
    download_file(remote.host, "f1", target, md5=md5, size=size)


@pytest.mark.parametrize("fault", ["reset", "cut", "corrupt", "error", 503])
@pytest.mark.parametrize("known", [(MD5, SIZE), ("", None)])
def test_file_survives(remote, tmp_path, fault, known):
    stated = b'{"data": {"md5sum": "%b", "file_size": %d}, "warnings": {}}'
    listed = "/files/f1?fields=md5sum,file_size,file_name"
    remote.files[listed] = stated % (MD5.upper().encode(), SIZE)
    remote.faults["/data/f1"] = [fault]
    remote.faults[listed] = [fault]
    fetch(remote, tmp_path / "slide.svs", *known)
    assert (tmp_path / "slide.svs").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["slide.svs"]
    asked = remote.asked("/data/f1")
    assert asked[0] == ""
    assert asked[1:] == [""] if fault in ("corrupt", "error", 503) else asked[1] != ""
    assert remote.asked(listed) == ([] if known[0] else ["", ""])


def test_file_that_is_always_wrong_leaves_nothing(remote, tmp_path):
    with pytest.raises(InputError) as error:
        fetch(remote, tmp_path / "slide.svs", md5="0" * 32)
    assert f"data/f1 for {tmp_path / 'slide.svs'}: md5 of the 512000 bytes" in one_line(error)
    assert os.listdir(tmp_path) == []
    remote.faults["/data/f1"] = ["error"] * 9
    with pytest.raises(InputError, match="offers 36 bytes instead of 512000"):
        fetch(remote, tmp_path / "slide.svs")
    assert os.listdir(tmp_path) == []


def test_a_folder_of_the_archive_s_client_comes_before_the_network(remote, tmp_path):
    kept = tmp_path / "mirror/f1/star.tsv"
    (kept.parent / "logs").mkdir(parents=True)
    (kept.parent / "annotations.txt").touch()
    kept.write_bytes(CONTENT)
    target, mirror = tmp_path / "out.tsv", tmp_path / "mirror"
    download_file("http://127.0.0.1:9", "f1", target, md5=MD5, size=None, mirror=mirror)
    assert target.read_bytes() == CONTENT
    kept.write_bytes(CONTENT[1:])
    with pytest.raises(InputError, match=r"star\.tsv: md5 is not"):
        download_file(remote.host, "f1", target, md5=MD5, size=SIZE, mirror=mirror)
    kept.unlink()
    target.unlink()
    download_file(remote.host, "f1", target, md5=MD5, size=SIZE, mirror=mirror)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "answer",
    [
        b'{"message": "no"}',
        b'{"data": [], "warnings": {}}',
        b'{"data": {"md5sum": null, "file_size": 3}}',
        b'{"data": {"md5sum": "00", "file_size": 3}}',
        b'{"data": {"md5sum": "00000000000000000000000000000000"}}',
    ],
)
def test_file_that_the_server_does_not_know(remote, tmp_path, answer):
    remote.files["/files/f1?fields=md5sum,file_size,file_name"] = answer
    with pytest.raises(InputError, match=r"files/f1.*: the answer has no md5sum and file_size"):
        fetch(remote, tmp_path / "slide.svs", md5="")
    assert remote.asked("/data/f1") == []


# The slide sheet

ONE, TWO = case("TCGA-A1-0001", "01A"), case("TCGA-A2-0002", "01A")
FOUR = case("TCGA-A4-0004", "01A", "01B")


@pytest.fixture
def project(remote):
    """Three slides of two patients, and what is not for the sheet."""
    remote.listings["files"] = [
        slide("f3", "TCGA-A2-0002-01A-01-TS1.cc.svs", TWO),
        slide("f1", "TCGA-A1-0001-01A-01-TS1.aa.svs", ONE),
        slide("f2", "TCGA-A1-0001-01A-01-BS1.bb.svs", ONE),
        slide("f4", "hidden.svs", ONE, access="controlled"),
        slide("f5", "paraffin.svs", ONE, experimental_strategy="Diagnostic Slide"),
        slide("f6", "normal.svs", case("TCGA-A1-0001", "11A", sample_type="Solid Tissue Normal")),
        slide("f7", "lung.svs", ONE | {"project": {"project_id": "TCGA-LUAD"}}),
        star_table("e2", ONE),
        star_table("e1", ONE),
        star_table("e0", ONE, access="controlled"),
        star_table("e00", ONE, analysis={"workflow_type": "HTSeq - FPKM"}),
    ]
    remote.listings["cases"] = [
        patient("TCGA-A1-0001", DUCTAL, LOBULAR),
        patient("TCGA-A2-0002", LOBULAR, DUCTAL | {"diagnosis_is_primary_disease": "false"}),
        patient("TCGA-A3-0003"),
    ]
    return remote


def write(remote, path, project="TCGA-BRCA"):
    write_slide_sheet(path, host=remote.host, project=project)
    return {row["slide"]: row for row in read_slide_sheet(path)}


def test_sheet_has_the_open_frozen_slides_of_tumours(project, tmp_path, caplog):
    rows = write(project, tmp_path / "slides.tsv")
    assert list(rows) == [
        "TCGA-A1-0001-01A-01-BS1.bb",
        "TCGA-A1-0001-01A-01-TS1.aa",
        "TCGA-A2-0002-01A-01-TS1.cc",
    ]
    by_id = {entry["file_id"]: entry for entry in project.listings["files"]}
    assert rows["TCGA-A1-0001-01A-01-TS1.aa"] == {
        "patient": "TCGA-A1-0001",
        "sample": "TCGA-A1-0001-01A",
        "slide": "TCGA-A1-0001-01A-01-TS1.aa",
        "file": "TCGA-A1-0001-01A-01-TS1.aa.svs",
        "file_id": "f1",
        "md5": by_id["f1"]["md5sum"],
        "size": str(by_id["f1"]["file_size"]),
        "histology": "8500/3;8520/3",
        "expression": "e1",
        "expression_md5": by_id["e1"]["md5sum"],
        "expression_size": str(by_id["e1"]["file_size"]),
    }
    last = rows["TCGA-A2-0002-01A-01-TS1.cc"]
    assert last["histology"] == "8520/3"
    assert [last[f"expression{of}"] for of in ("", "_md5", "_size")] == ["", "", ""]
    said = caplog.text
    assert "1 samples with several STAR tables (the first is taken): TCGA-A1-0001-01A\n" in said
    assert "1 samples without a STAR table: TCGA-A2-0002-01A\n" in said
    assert "3 slides of 2 patients\n" in said
    assert "1 patients: 8520/3 Lobular carcinoma, NOS\n" in said


def test_same_listing_gives_the_same_bytes(project, tmp_path, monkeypatch):
    write(project, tmp_path / "one.tsv")
    monkeypatch.setattr(gdc, "PAGE", 2)
    project.edits = [lambda entries: entries[::-1]] * 99
    write(project, tmp_path / "two.tsv")
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "two.tsv").read_bytes()


def test_files_of_several_samples_and_odd_names(project, tmp_path, caplog):
    project.listings["files"] += [
        slide("g1", "pooled.svs", FOUR),
        star_table("g2", case("TCGA-A4-0004", "01B")),
        slide("g3", "two.svs", ONE, TWO),
        slide("g7", "margin.svs", case("TCGA-A4-0004", "00A", sample_type="Metastatic"), TWO),
        slide("g4", "../escape.svs", ONE),
        slide("g5", "pooled.svs", ONE),
        star_table("g6", case("TCGA-A1-0001", "01A"), TWO),
    ]
    rows = write(project, tmp_path / "slides.tsv")
    assert len(rows) == 5
    assert rows["margin"]["sample"] == "TCGA-A2-0002-01A"
    assert rows["pooled"]["sample"] == "TCGA-A4-0004-01B"
    assert rows["pooled"]["expression"] == "g2"
    assert rows["TCGA-A2-0002-01A-01-TS1.cc"]["expression"] == ""
    said = caplog.text
    for message in (
        "1 slides of several samples (each assigned to one): pooled.svs",
        "1 slides left out (no primary tumour, or several patients): two.svs",
        "1 slides left out (name is not an id): ../escape.svs",
        "1 slides left out (repeated name): pooled.svs",
        "1 STAR tables left out (no primary tumour, or several patients): g6",
        "1 patients: no histology",
    ):
        assert f"slides.tsv: {message}\n" in said


def test_a_sheet_is_written_again_only_if_it_changes(project, tmp_path):
    path = tmp_path / "slides.tsv"
    rows = write(project, path)
    before = path.stat()
    assert write(project, path) == rows
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    files = project.listings["files"]
    files[1] = slide("f1", "TCGA-A1-0001-01A-01-TS1.aa.svs", ONE, md5sum="0" * 32)
    assert write(project, path)["TCGA-A1-0001-01A-01-TS1.aa"]["md5"] == "0" * 32
    path.write_text("rubbish\n")
    assert len(write(project, path)) == len(rows)


def test_listing_that_fails_leaves_the_sheet(project, tmp_path):
    path = tmp_path / "slides.tsv"
    write(project, path)
    good = path.read_bytes()
    project.listings["files"].append(slide("f9", "new.svs", ONE))
    project.faults["/cases"] = ["error"] * 99
    with pytest.raises(InputError, match="cases: the answer is not a page of a listing"):
        write(project, path)
    assert path.read_bytes() == good
    assert os.listdir(tmp_path) == ["slides.tsv"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"file_id": "g1", "cases": [ONE | {"samples": None}]}, "without name, patient or sample"),
        (slide("g1", "x.svs", case("TCGA A", "01A")), r"line 5 \(x\): patient 'TCGA A' is not"),
        (slide("g1", "x.svs", ONE, md5sum="?"), r"line 5 \(x\): md5 '\?' is not"),
    ],
)
def test_entries_that_make_no_row(project, tmp_path, entry, message):
    project.edits = [lambda entries: [*entries, entry]]
    with pytest.raises(InputError, match=message) as error:
        write(project, tmp_path / "slides.tsv")
    assert project.host in one_line(error)
    assert os.listdir(tmp_path) == []


def test_project_without_slides(project, tmp_path):
    with pytest.raises(InputError, match="no open frozen slide of a primary tumour in project X"):
        write(project, tmp_path / "slides.tsv", "X")
