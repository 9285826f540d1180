"""The rules of the house: form, layers, links."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from loaded import load_rules
from project import ROOT

BIN = Path(sys.executable).parent
GENERATED = {".venv", ".snakemake", ".git", "results", "resources", "node_modules", "site"}
PAGES = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not GENERATED & set(path.relative_to(ROOT).parts[:1])
]


@pytest.mark.parametrize(
    "command",
    [
        "ruff check",
        "ruff format --check",
        "snakefmt --check Snakefile workflow",
        "lint-imports",
        "snakemake --lint --configfile config/demo.yaml",
        "snakemake --lint",
    ],
)
def test_passes(command):
    name, *arguments = command.split()
    run = subprocess.run(
        [BIN / name, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_patches_may_be_deleted_because_jobs_read_them_through_the_index():
    """Only the index has patch files as inputs; the other jobs use `read_patches`."""
    named = {
        str(path.relative_to(ROOT)): path.read_text("utf-8").count(".npy")
        for folder, kind in (("workflow", "*.smk"), ("workflow", "*.py"), ("src", "*.py"))
        for path in (ROOT / folder).rglob(kind)
    }
    assert {name for name, count in named.items() if count} == {
        *("workflow/rules/views.smk", "src/stnet/slides/patches.py"),
        "src/stnet/planning/plan.py",  # counts their bytes
    }
    assert named["workflow/rules/views.smk"] == 2


def test_captions_speak_of_what_their_rules_have():
    captions = 0
    for rule in load_rules().values():
        for output in rule.output:
            shown = output.flags.get("report") if hasattr(output, "flags") else None
            if shown:
                text = Path(shown.caption.get_path_or_uri(secret_free=True)).read_text(
                    encoding="utf-8"
                )
                captions += 1
                assert "snakemake.config" not in text, f"{rule.name}: a fact that no parameter has"
                for kind, name in re.findall(r"snakemake\.(params|wildcards)\.(\w+)", text):
                    known = rule.params.keys() if kind == "params" else rule.wildcard_names
                    assert name in known, f"{rule.name}: its caption names {kind}.{name}"
    assert captions > 40


def anchors(page: Path) -> set[str]:
    """The headings of a page as a browser finds them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def dead_links(page: Path) -> list[str]:
    """Links of a page to files or headings of this repository that are not there."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.S)
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)", text, re.M)
    dead = []
    for link in ("".join(pair) for pair in links):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead


def test_links_lead_somewhere():
    assert ROOT / "README.md" in PAGES
    dead = {str(page.relative_to(ROOT)): dead_links(page) for page in PAGES}
    assert {page: links for page, links in dead.items() if links} == {}


def test_a_dead_link_is_recognised(tmp_path):
    (tmp_path / "other.md").write_text("# A heading, here\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](missing.md) [c](other.md#a-heading-here) [d](other.md#no)\n"
        "[e](https://example.org) `[f](code.md)` [g](#own)\n# Own\n[h]: gone.md\n"
    )
    assert dead_links(page) == ["missing.md", "other.md#no", "gone.md"]


def test_modules_are_short():
    """A module that a reader cannot hold in the head is two modules."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "src").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_packages_import_nothing():
    assert [path for path in (ROOT / "src").rglob("__init__.py") if path.read_text()] == []


def test_tests_share_helpers_by_the_support_folder_only():
    shared = [
        path
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"^(from|import) (test_|conftest)", path.read_text(), re.M)
    ]
    assert shared == []


def test_every_package_has_an_init():
    folders = {path.parent for path in (ROOT / "src").rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_rules_share_one_namespace_of_functions():
    """A function that another file defines again replaces the first without a word."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").rglob("*.smk")]
    found = Counter(
        name for path in files for name in re.findall(r"^def (\w+)", path.read_text(), re.M)
    )
    assert len(found) > 100
    assert [name for name, n in found.items() if n > 1] == []


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == project["license"]
    assert (ROOT / "LICENSE").read_text().startswith(f"{project['license']} License")
    assert citation["preferred-citation"]["doi"] == "10.1038/s41551-020-0578-x"


def functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, int]]:
    """Functions of a module and methods of its classes, each with its number of arguments."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from ((each, n - 1) for each, n in functions(node))
        elif isinstance(node, ast.FunctionDef):
            arguments = node.args
            yield node, len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)


def missing(function: ast.FunctionDef, n_arguments: int) -> list[str]:
    """What the docstring of a function lacks."""
    text = ast.get_docstring(function) or ""
    if not text:
        return ["a docstring"]
    if n_arguments < 5:
        return []
    inside = [*ast.walk(function)]
    gives = function.returns is not None and ast.unparse(function.returns) != "None"
    fails = any(
        isinstance(each, ast.Raise)
        and isinstance(each.exc, ast.Call)
        and isinstance(each.exc.func, ast.Name)
        and each.exc.func.id == "InputError"
        for each in inside
    )
    wanted = {"Args:": True, "Returns:": gives, "Raises:": fails}
    return [part for part, needed in wanted.items() if needed and part not in text]


def test_functions_say_what_they_take_and_give():
    problems, n_functions = [], 0
    for path in sorted((ROOT / "src/stnet").rglob("*.py")):
        for function, n_arguments in functions(ast.parse(path.read_text(encoding="utf-8"))):
            n_functions += 1
            place = f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
            if n_arguments > 8:
                problems.append(f"{place} has {n_arguments} arguments")
            if not function.name.startswith("_"):
                problems += [f"{place} lacks {part}" for part in missing(function, n_arguments)]
    assert not problems, "\n".join(problems)
    assert n_functions > 800
