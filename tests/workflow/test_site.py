"""The site: its contents, the generated page of rules, the list of the library, pictures."""

import ast
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import rules_page
import screenshots
import yaml
from loaded import load_workflow
from PIL import Image
from project import ROOT, copy_run, planned

API = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
PACKAGES = Path(sys.prefix) / "docs"


def contents():
    """Pages of the table of contents, its first one left out."""
    toc = yaml.safe_load((ROOT / "docs/toc.yml").read_text(encoding="utf-8"))
    return [entry["file"] for part in toc["subtrees"] for entry in part["entries"]]


def linked(page):
    """Pages of this repository that a page links."""
    links = re.findall(r"\]\(([\w./-]+\.md)[)#]", page.read_text(encoding="utf-8"))
    return {(page.parent / link).resolve().relative_to(ROOT).as_posix() for link in links}


def listed(directive):
    """Names after a directive of the page of the library."""
    if directive == "autosummary":
        return re.findall(r"^   (stnet\.[\w.]+)$", API, re.M)
    return re.findall(r"^\.\. auto(?:function|class|exception):: (stnet\.[\w.]+)$", API, re.M)


def test_each_page_is_once_in_the_contents():
    pages = [
        *(ROOT / "docs").rglob("*.md"),
        *map(ROOT.joinpath, ("CHANGELOG.md", "CONTRIBUTING.md")),
    ]
    pages += [ROOT / folder / "README.md" for folder in ("config", "envs", "profiles", "tests")]
    names = [path.relative_to(ROOT).with_suffix("").as_posix() for path in pages]
    assert sorted(contents()) == sorted(names)


def test_readers_on_github_find_each_page_too():
    left_out = {"docs/README.md"}
    assert {f"{name}.md" for name in contents()} - linked(ROOT / "docs/README.md") == left_out


def test_the_page_of_rules_is_up_to_date_and_has_all():
    """If not: make reference."""
    rules = load_workflow(ROOT, ROOT / "config/demo.yaml")
    page = rules_page.page(rules.values())
    assert (ROOT / rules_page.PAGE).read_text(encoding="utf-8") == page
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", page, re.M)
    assert [row[0] for row in rows] == list(rules)
    assert [name for name, text, _ in rows if not text] == []
    # Only targets and what runs in place make no file.
    assert {name for name, _, made in rows if not made} == {
        *("all", "supplement", "arena", "leak_lab", "predict", "export"),
        *("plan", "verify", "record", "doctor", "tcga_sheet", "simulate_slide_sheet"),
    }


def test_what_may_be_imported_is_there_and_described():
    names = listed("autosummary")
    assert len(names) > 30
    assert names == listed("details")
    for name in names:
        module, _, function = name.rpartition(".")
        tree = ast.parse((ROOT / "src" / f"{module.replace('.', '/')}.py").read_text("utf-8"))
        found = [node for node in tree.body if getattr(node, "name", "") == function]
        assert found, name
        assert ast.get_docstring(found[0]), name


def test_pictures_are_small_and_shown():
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md"))
    for name in screenshots.SHOWN:
        assert (ROOT / f"docs/images/{name}.webp").stat().st_size < 150_000
        assert f"images/{name}.webp" in pages


def test_without_a_demo_the_pictures_stay(tmp_path):
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/screenshots.py", tmp_path / "docs")
    said = subprocess.run(
        [sys.executable, tmp_path / "docs/screenshots.py"],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = said.stdout.splitlines()
    assert len(lines) == len(screenshots.SHOWN)
    assert "front.webp stays as it is: no results/demo/index.html" in lines[0]


def test_a_picture_is_made_small(tmp_path):
    Image.new("RGBA", (2400, 1000), "red").save(tmp_path / "large.png")
    screenshots.write((tmp_path / "large.png").read_bytes(), tmp_path / "small.webp")
    with Image.open(tmp_path / "small.webp") as small:
        assert small.size == (960, 400)


class Sources(HTMLParser):
    """Addresses of scripts, styles and pictures that a page loads."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        loads = tag != "a" and values.get("rel") != "canonical"
        self.found += [values[key] for key in ("src", "href") if loads and values.get(key)]


@pytest.mark.full
@pytest.mark.skipif(not PACKAGES.exists(), reason="its packages are missing: make docs")
def test_the_site_is_built_without_a_warning_and_needs_no_network(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", "docs", "."]
    paths = os.pathsep.join([str(ROOT / "src"), str(PACKAGES)])
    environment = os.environ | {"PYTHONPATH": paths}
    subprocess.run([*command, tmp_path], cwd=ROOT, env=environment, check=True)
    assert 'url=README.html"' in (tmp_path / "index.html").read_text("utf-8")
    for name in contents():
        sources = Sources()
        sources.feed((tmp_path / f"{name}.html").read_text("utf-8"))
        assert len(sources.found) > 5
        assert [source for source in sources.found if re.match(r"(https?:)?//", source)] == [], name
    api = (tmp_path / "docs/reference/api.html").read_text("utf-8")
    assert [name for name in listed("details") if f'id="{name}"' not in api] == []


def python_of(page):
    """The example in Python of a page."""
    (code,) = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    return code


@pytest.mark.full
def test_the_tutorial_on_a_slide_and_the_example_of_the_library_run(demo, tmp_path):
    project = copy_run(demo, tmp_path / "project")
    slide = ROOT / "docs/tutorials/slide.md"
    steps = re.findall(r"^```\n(.*?)^```", slide.read_text("utf-8"), re.M | re.S)
    assert len(steps) == 4
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for step in steps:
        environment = os.environ | {"PATH": path}
        subprocess.run(["bash", "-ec", step], cwd=project, env=environment, check=True)
    assert (project / screenshots.SHOWN["map"][0]).exists()
    for page in (slide, ROOT / "docs/reference/api.md"):
        command = [sys.executable, "-c", python_of(page)]
        said = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
        assert len(said.stdout.splitlines()) >= 3


@pytest.mark.full
def test_the_tutorial_of_the_demo_runs_only_the_new_experiment(demo, tmp_path):
    project = copy_run(demo, tmp_path / "project")
    page = (ROOT / "docs/tutorials/demo.md").read_text("utf-8")
    (settings,) = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    (project / "mine.yaml").write_text(settings)
    assert planned(project, "supplement") == {}
    table = "results/demo/tables/narrow/all/summary.tsv"
    assert page.count(f"--configfile config/demo.yaml mine.yaml --cores 2 -- {table}\n") == 1
    mine = ("--configfile", "config/demo.yaml", "mine.yaml", "--")
    jobs = planned(project, table, configuration=mine)
    assert jobs == {"train": 8, "predict_held_out": 8, "performance": 1} | {
        rule: jobs[rule] for rule in ("patches", "view_index") if rule in jobs
    }
