"""Certificates of toy runs: whatever changes is named, and nothing else."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stnet.checks.certificate import Job, differences, read_certificate, write_certificate
from stnet.checks.verify import Replay, verify
from stnet.core.errors import InputError

CERTIFICATE = "results/certificate.sha256"
FACTS = {"targets": "all", "configuration": "abc", "configuration files": "config/config.yaml"}
OUTPUTS = [
    *("a.h5ad", "a.tsv", "a.tsv.gz", "a.html", "a.png", "a.pdf", "a.json", "a.npy", "a.npz"),
    *("a.safetensors", "zarr/0.0", "zarr/deep/.zattrs"),
]
# Runs a job by writing each output's name into it; only in the folder that it is given.
FAKE = f"""
import sys
from pathlib import Path
at = sys.argv.index
folder, rule = Path(sys.argv[at("--directory") + 1]), sys.argv[at("--allowed-rules") + 1]
(first,) = sys.argv[at("--") + 1:]
whole = ["results/demo/" + name for name in {OUTPUTS}]
outputs = whole if first.endswith("zarr") else [first]
assert rule in ("make", "follow")
assert (folder / "../../data/input.tsv").read_text() == "input"
assert (folder / "config/config.yaml").read_text() == "device: cpu"
for name in outputs:
    assert not (folder / name).exists()
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("OTHER" if name.endswith("BAD") else name)
"""


def write(name, text=None):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or name)


def at(second):
    return datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC)


def jobs(second=0):
    """Two jobs; the second one reads an output of the first and ends a second later."""
    made = tuple(f"results/demo/{name}" for name in OUTPUTS if "/" not in name)
    first = Job("make", ("../../data/input.tsv",), ("results/demo/zarr", *made), at(second))
    follows = Job("follow", ("results/demo/a.h5ad",), ("results/demo/b.tsv",), at(second + 1))
    return [follows, first]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder with code and a finished run, certified."""
    folder = tmp_path / "deep/run"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    for module in ("stnet.checks.certificate", "stnet.core.checkout"):
        monkeypatch.setattr(f"{module}.CHECKOUT", folder)
    for name in ("Snakefile", "src/a.py", "requirements.lock", "results/demo/b.tsv"):
        write(name)
    write("src/__pycache__/a.pyc")
    write("config/config.yaml", "device: cpu")
    write("../../data/input.tsv", "input")
    for name in OUTPUTS:
        write(f"results/demo/{name}")
    for name in ("logs/make.log", "benchmarks/make.tsv", "report.html", ".sha256/a.tsv"):
        write(f"results/demo/{name}")
    certify(jobs())
    return folder


def certify(finished):
    return write_certificate(CERTIFICATE, finished, ["config/config.yaml"], FACTS)


def found():
    return list(differences(read_certificate(CERTIFICATE), workers=2))


def flip(name):
    path = Path(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replay(jobs, seed=0, left_out=None):
    return Replay(jobs, seed, [sys.executable, "fake.py"], {"device": "cpu"}, left_out or {})


def test_a_certificate_is_written_while_python_ends(run):
    code = (
        f"import atexit, sys; sys.path[:] = {sys.path};"
        "from stnet.checks.certificate import write_certificate;"
        f"atexit.register(write_certificate, 'late.sha256', [], ['config/config.yaml'], {FACTS})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    assert "config/config.yaml" in read_certificate("late.sha256").files


def test_what_ran_after_a_clock_was_put_right_is_certified(run):
    def of_year(year):
        return [replace(each, ended=each.ended.replace(year=year)) for each in jobs()]

    # A year that is over, and one when the clock was wrong.
    for year, other, said in [(2020, 2019, ["changed: results/demo/b.tsv"]), (2999, 2020, [])]:
        Path(CERTIFICATE).unlink()
        write("results/demo/b.tsv", "before")
        certify(of_year(year))
        write("results/demo/b.tsv", "after")
        certify(of_year(other))
        assert [each.partition(" (")[0] for each in found()] == said


def test_an_undisturbed_run_is_as_certified(run):
    assert found() == []
    certificate = read_certificate(CERTIFICATE)
    assert certificate.facts == FACTS | {"last job ended": "2026-01-01T12:00:01.000000Z"}
    parts = {part: [] for part in ("code", "configuration", "inputs", "outputs")}
    for entry in certificate.files.values():
        parts[entry.part].append(entry.name)
    assert parts == {
        "code": ["Snakefile", "requirements.lock", "src/a.py"],
        "configuration": ["config/config.yaml"],
        "inputs": ["../../data/input.tsv"],
        "outputs": ["results/demo/b.tsv", *sorted(f"results/demo/{name}" for name in OUTPUTS)],
    }


@pytest.mark.parametrize("name", [" a  b ", "a\u2028b", "a\x85b", "# a: b", "a\\b", "\udce4"])
def test_a_file_of_any_name_is_certified(run, name):
    write(f"data/{name}", "content")
    certify([*jobs(2), Job("read", ("data",), ("results/demo/b.tsv",), at(4))])
    assert found() == []
    flip(f"data/{name}")
    (line,) = found()
    assert line.encode()
    assert line.startswith("changed: data/")


@pytest.mark.parametrize("name", ["a\nb", "a\rb"])
def test_a_name_of_two_lines_is_refused(run, name):
    write(f"data/{name}", "content")
    with pytest.raises(InputError, match=r"^data/a\\[nr]b: a line break in the name"):
        certify([*jobs(2), Job("read", ("data",), ("results/demo/b.tsv",), at(4))])


def test_a_folder_that_is_gone_is_not_called_added(run):
    Path("results/demo").rename("results/renamed")
    assert len(found()) == len(OUTPUTS) + 1
    assert all(line.startswith("missing: results/demo/") for line in found())


def test_sha256sum_reads_the_certificate(run):
    command = ["sha256sum", "--check", "--quiet", "--strict", CERTIFICATE]
    assert subprocess.run(command, capture_output=True).returncode == 0
    flip("results/demo/a.png")
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 1
    assert told.stdout == "results/demo/a.png: FAILED\n"


def test_one_flipped_byte_in_any_file_is_named(run):
    described = {
        **{f"results/demo/{name}": "made by make" for name in OUTPUTS},
        "results/demo/b.tsv": "made by follow",
        "../../data/input.tsv": "inputs",
        "config/config.yaml": "configuration",
        "src/a.py": "code",
        "requirements.lock": "code",
    }
    for name, about in described.items():
        flip(name)
        assert found() == [f"changed: {name} ({about})"]
        flip(name)
    assert found() == []


def test_missing_and_added_files_are_named(run):
    Path("results/demo/a.json").unlink()
    Path("../../data/input.tsv").unlink()
    write("results/demo/mine.tsv")
    write("results/demo/zarr/deep/0.1")
    write("src/b.py")
    write("results/other/mine.tsv")  # not a folder of this run
    assert found() == [
        "missing: ../../data/input.tsv (inputs)",
        "missing: results/demo/a.json (made by make)",
        "added: src/b.py (code)",
        "added: results/demo/mine.tsv (results)",
        "added: results/demo/zarr/deep/0.1 (results)",
    ]


def test_a_second_run_does_not_certify_what_was_damaged_before(run):
    flip("results/demo/b.tsv")
    flip("../../data/input.tsv")
    certify(jobs())
    expected = [
        "changed: ../../data/input.tsv (inputs)",
        "changed: results/demo/b.tsv (made by follow)",
    ]
    assert found() == expected
    # The second job has run again, the first one has not.
    certify([jobs(30)[0], jobs()[1]])
    assert found() == expected[:1]
    certify(jobs(40))
    assert found() == []


def test_the_same_run_has_the_same_certificate(run):
    before = Path(CERTIFICATE).read_bytes()
    certify(list(reversed(jobs())))
    assert Path(CERTIFICATE).read_bytes() == before
    Path(CERTIFICATE).unlink()
    certify(jobs())
    assert Path(CERTIFICATE).read_bytes() == before


def test_files_of_earlier_runs_stay_certified(run):
    certify(jobs()[:1])
    assert found() == []
    certificate = read_certificate(CERTIFICATE)
    assert certificate.files["results/demo/a.tsv"].part == "earlier"
    flip("results/demo/a.tsv")
    assert found() == ["changed: results/demo/a.tsv (made by make)"]
    # An experiment that is not wanted any more was deleted.
    Path("results/demo/a.tsv").unlink()
    certify(jobs()[:1])
    assert found() == []


def test_deleted_files_that_no_job_made_again_stay_certified(run):
    Path("results/demo/a.npy").unlink()
    certify(jobs())
    assert found() == ["missing: results/demo/a.npy (made by make)"]
    write("results/demo/a.npy")
    assert found() == []
    Path("results/demo/a.npy").unlink()
    certify(jobs(30))
    assert found() == []


def test_a_changed_certificate_is_refused(run):
    content = Path(CERTIFICATE).read_bytes()
    for place in range(0, len(content) - 1, 61):
        Path(CERTIFICATE).write_bytes(content)
        flip_at = bytearray(content)
        flip_at[place] ^= 1
        Path(CERTIFICATE).write_bytes(flip_at)
        with pytest.raises(InputError, match=r"certificate.sha256: damaged"):
            read_certificate(CERTIFICATE)


def test_verify_ends_with_one_line(run, capsys):
    verify(CERTIFICATE, FACTS, replay(0), 1)
    assert capsys.readouterr().out == f"{CERTIFICATE}: all 18 files are as certified\n"
    flip("results/demo/a.tsv")
    with pytest.raises(InputError, match="files not as certified: 1; restore"):
        verify(CERTIFICATE, FACTS | {"cores": "2"}, replay(0), 1)
    assert capsys.readouterr().out.splitlines() == [
        "note: cores: 2, certified with none",
        "changed: results/demo/a.tsv (made by make)",
    ]
    Path(CERTIFICATE).unlink()
    with pytest.raises(InputError, match="no such certificate"):
        verify(CERTIFICATE, FACTS, replay(0), 1)


def bits(printed):
    """Rule of each job that ran again, and what was said of its bits."""
    lines = [line for line in printed.splitlines() if line.startswith("rerun ")]
    return {line.split(": ")[1].split(",")[0]: line.rpartition(" (")[0] for line in lines}


def test_jobs_run_again_elsewhere_and_write_the_same_bits(run, capsys):
    write("fake.py", FAKE)
    before = {path: path.stat().st_mtime_ns for path in Path("results").rglob("*")}
    verify(CERTIFICATE, FACTS, replay(5), 1)
    told = bits(capsys.readouterr().out)
    assert told.keys() == {"make", "follow"}
    assert all(line.endswith("the same bits") for line in told.values())
    assert found() == []
    after = {path: path.stat().st_mtime_ns for path in Path("results").rglob("*")}
    assert after == before


def test_other_bits_and_failed_jobs_are_named(run, capsys):
    write("fake.py", FAKE)
    write("results/demo/BAD")
    certify([*jobs(), Job("make", (), ("results/demo/BAD",), at(50))])
    with pytest.raises(InputError, match=r"jobs without the same bits: 1; .*--touch"):
        verify(CERTIFICATE, FACTS, replay(9), 1)
    assert ": make, results/demo/BAD: other bits in results/demo/BAD (" in capsys.readouterr().out
    write("fake.py", "raise SystemExit('error: the reason')")
    with pytest.raises(InputError, match="jobs without the same bits: 3"):
        verify(CERTIFICATE, FACTS, replay(9), 1)
    assert capsys.readouterr().out.count(": failed: error: the reason (") == 3


def test_the_sample_is_drawn_by_its_seed_and_leaves_rules_out(run, capsys):
    write("fake.py", FAKE)
    drawn = []
    for seed in (*range(3), *range(3)):
        verify(CERTIFICATE, FACTS, replay(1, seed), 1)
        (rule,) = bits(capsys.readouterr().out)
        drawn.append(rule)
    assert drawn[:3] == drawn[3:]
    assert set(drawn) == {"make", "follow"}
    verify(CERTIFICATE, FACTS, replay(2, left_out={"make": "downloads"}), 1)
    printed = capsys.readouterr().out
    assert "not run again: make: downloads\n" in printed
    assert bits(printed).keys() == {"follow"}


def test_another_configuration_runs_no_job(run):
    other = FACTS | {"configuration": "def"}
    with pytest.raises(InputError, match=r"of another configuration; .*config/config.yaml"):
        verify(CERTIFICATE, other, replay(1), 1)


def test_the_job_gets_the_configuration_as_written(run):
    write(
        "fake.py",
        FAKE + 'import json\njson.load(open(sys.argv[at("--configfile") + 1]))["device"]\n',
    )
    verify(CERTIFICATE, FACTS, replay(1), 1)
