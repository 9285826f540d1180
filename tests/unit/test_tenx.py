import gzip
import io
import os
import tarfile
import threading

import pytest
from remote import QUICK, Remote, limit, sha256

from stnet.core.errors import InputError
from stnet.sources.lock import Fingerprint, read_lock
from stnet.sources.tenx import download_visium, read_archive

DATASET = "V1_Breast_Cancer_Block_A_Section_1"
FOLDER = f"/samples/spatial-exp/1.1.0/{DATASET}"
POSITIONS = b"AAAC-1,1,0,0,100,200\nAAAG-1,0,0,2,100,300\n"
SCALES = b'{"spot_diameter_fullres": 177.5, "tissue_hires_scalef": 0.08}'
IMAGE = b"II*\0" + bytes(range(256)) * 1000
COUNTS = b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 100


def archive(*members, kind=tarfile.REGTYPE) -> bytes:
    """A tar.gz of (name, content); links lead to the content's name."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(content) if kind == tarfile.REGTYPE else 0
            member.linkname = "" if kind == tarfile.REGTYPE else content.decode()
            tar.addfile(member, io.BytesIO(content))
    return output.getvalue()


SPATIAL = archive(
    ("spatial/tissue_hires_image.png", b"png" * 9999),
    ("spatial/tissue_positions_list.csv", POSITIONS),
    ("spatial/._tissue_positions_list.csv", b"rubbish of another system"),
    ("spatial/scalefactors_json.json", SCALES),
)
RIGHT = {"image": IMAGE, "counts": COUNTS, "positions": POSITIONS, "scalefactors": SCALES}
NAMES = {
    f"{DATASET}_image.tif": IMAGE,
    f"{DATASET}_filtered_feature_bc_matrix.h5": COUNTS,
    f"{DATASET}_spatial.tar.gz": SPATIAL,
}


class Section:
    """The outputs of one section's download, in a folder."""

    def __init__(self, folder, remote):
        self.folder, self.remote, self.lock = folder / "out", remote, folder / "lock.tsv"

    def download(self, mirror=None) -> dict[str, bytes]:
        outputs = {kind: self.folder / kind for kind in RIGHT}
        download_visium(
            outputs,
            host=self.remote.host,
            dataset=DATASET,
            lock=self.lock,
            mirror=mirror,
        )
        return {kind: path.read_bytes() for kind, path in outputs.items()}

    def names(self) -> list[str]:
        """Its files without the records of their checksums."""
        return sorted(path.name for path in self.folder.glob("[!.]*"))

    def publish(self, suffix, content):
        self.remote.files[f"{FOLDER}/{DATASET}_{suffix}"] = content

    def fault(self, suffix, *faults):
        self.remote.faults[f"{FOLDER}/{DATASET}_{suffix}"] = list(faults)

    def refusal(self, **arguments) -> str:
        with pytest.raises(InputError) as error:
            self.download(**arguments)
        message = str(error.value)
        assert "\n" not in message
        return message


@pytest.fixture
def section(tmp_path, quick):
    with Remote() as remote:
        for name, content in NAMES.items():
            remote.files[f"{FOLDER}/{name}"] = content
        yield Section(tmp_path, remote)


def test_first_download_locks_the_files(section):
    assert section.download() == RIGHT
    assert section.names() == sorted(RIGHT)
    assert read_lock(section.lock) == {
        name: Fingerprint(len(content), sha256(content)) for name, content in NAMES.items()
    }


def test_later_downloads_must_agree(section):
    section.download()
    for path in section.folder.glob("[!.]*"):
        path.unlink()
    assert section.download() == RIGHT
    changed = b"II*\0" + IMAGE[:3:-1]
    section.publish("image.tif", changed)
    (section.folder / "image").unlink()
    said = section.refusal()
    assert f"{DATASET}_image.tif for {section.folder / 'image'}: sha256 of the" in said
    assert not (section.folder / "image").exists()
    assert read_lock(section.lock)[f"{DATASET}_image.tif"].sha256 == sha256(IMAGE)


@pytest.mark.parametrize("fault", ["reset", "cut", "error", 503])
def test_faults_are_survived(section, fault):
    for name in NAMES:
        section.fault(name.removeprefix(f"{DATASET}_"), fault)
    assert section.download() == RIGHT
    assert len(section.remote.requests) == 6
    assert section.names() == sorted(RIGHT)


def test_first_download_begins_anew(section):
    section.fault("image.tif", "cut")
    limit(attempts=1)
    section.refusal()
    limit(**QUICK)
    changed = b"II*\0" + IMAGE[:3:-1]
    section.publish("image.tif", changed)
    assert section.download() == RIGHT | {"image": changed}
    assert section.remote.asked("image.tif") == ["", ""]


@pytest.mark.parametrize("suffix", ["image.tif", "filtered_feature_bc_matrix.h5", "spatial.tar.gz"])
def test_error_page_is_not_locked(section, suffix):
    section.publish(suffix, b"<html>Moved</html>\n")
    said = section.refusal()
    assert said.startswith(f"{section.remote.host}{FOLDER}/{DATASET}_{suffix} for ")
    assert f"{DATASET}_{suffix}" not in read_lock(section.lock)
    assert not [name for name in section.names() if "image" in name or "." in name]


def test_positions_of_newer_archives(section):
    content = b"barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres\n"
    members = ("a/b/tissue_positions.csv", content), ("scalefactors_json.json", SCALES)
    section.publish("spatial.tar.gz", archive(*members))
    assert section.download() == RIGHT | {"positions": content}


def test_members_decide_no_path(section, tmp_path):
    """Names that lead elsewhere are as good as others, and links are nothing."""
    outside = "../" * 20 + str(tmp_path).removeprefix("/")
    tricks = (
        (f"{outside}/tissue_positions_list.csv", POSITIONS),
        (f"{tmp_path}/scalefactors_json.json", SCALES),
        (f"{outside}/out/image", b"trick"),
        (f"{tmp_path}/evil", b"trick"),
    )
    section.publish("spatial.tar.gz", archive(*tricks))
    assert section.download() == RIGHT
    assert sorted(os.listdir(tmp_path)) == ["lock.tsv", "out"]
    assert section.names() == sorted(RIGHT)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_are_not_followed(tmp_path, kind):
    (tmp_path / "secret").write_text("secret")
    path = tmp_path / "spatial.tar.gz"
    secret = str(tmp_path / "secret").encode()
    members = ("spatial/tissue_positions.csv", secret), ("spatial/scalefactors_json.json", secret)
    path.write_bytes(archive(*members, kind=kind))
    with pytest.raises(InputError, match=r"spatial.tar.gz: no positions file in the archive"):
        read_archive(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SPATIAL[: len(SPATIAL) // 2], "not a complete tar.gz archive"),
        (SPATIAL[:-1], "not a complete tar.gz archive"),
        (SPATIAL[:-8] + bytes(8), "not a complete tar.gz archive"),
        (gzip.compress(b"no tar" * 999), "not a complete tar.gz archive"),
        (b"", "not a complete tar.gz archive"),
        (archive(("tissue_positions.csv", b"x")), "no scalefactors file in the archive"),
        (
            archive(("tissue_positions.csv", b"x"), ("a/tissue_positions_list.csv", b"y")),
            "several positions files, one of them 'a/tissue_positions_list.csv'",
        ),
    ],
)
def test_other_archives_are_refused(tmp_path, content, message):
    path = tmp_path / "spatial.tar.gz"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_archive(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_mirror_comes_before_the_network(section, tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    name = f"{DATASET}_image.tif"
    (mirror / name).write_bytes(b"<html>")
    assert "image.tif: begins with b'<htm'" in section.refusal(mirror=mirror)
    (mirror / name).write_bytes(IMAGE)
    assert section.download(mirror=mirror) == RIGHT
    assert section.remote.asked("image.tif") == []
    assert len(read_lock(section.lock)) == 3
    (mirror / name).write_bytes(b"II*\0 another")
    assert "image.tif: sha256 is not" in section.refusal(mirror=mirror)
    assert "nowhere: no such folder" in section.refusal(mirror=tmp_path / "nowhere")


def test_sections_side_by_side_share_a_lock(section, tmp_path):
    names = [f"Section_{i}" for i in range(8)]
    for name in names:
        for suffix, content in [
            ("image.tif", IMAGE),
            ("filtered_feature_bc_matrix.h5", COUNTS),
            ("spatial.tar.gz", SPATIAL),
        ]:
            path = f"/samples/spatial-exp/1.1.0/{name}/{name}_{suffix}"
            section.remote.files[path] = content

    def download(name):
        outputs = {kind: tmp_path / name / kind for kind in RIGHT}
        host = section.remote.host
        download_visium(outputs, host=host, dataset=name, lock=section.lock)

    threads = [threading.Thread(target=download, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_lock(section.lock)) == 3 * len(names)
