"""The pages for readers name functions, commands, messages and versions that exist."""

import ast
import re
import tomllib

import anndata as ad
from project import ROOT

from stnet.cohorts.section import write_section
from stnet.simulation.cohort import write_genes
from stnet.simulation.write import write_section as simulate

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
OTHER_PAGES = [ROOT / f"{name}/README.md" for name in ("config", "envs", "profiles", "tests")]
FOLDERS = ["benchmarks", "config", "docs", "envs", "profiles", "src", "tests", "workflow"]
# What stands for a name, a number or a path in a message of the page of troubleshooting.
PLACEHOLDER = re.compile(r"…|'?\b[A-Z]+\b'?(?! is configured)|\bx[AB]\b|[\d%]+")
LEAST = 9  # characters of a message between placeholders by which it is recognised


def has(path, name):
    """Whether a module has a function, class or constant at its top."""
    if not (ROOT / path).exists():
        return False
    text = (ROOT / path).read_text(encoding="utf-8")
    return bool(re.search(rf"^((def|class) {name}\b|{name}\b.* = )", text, re.M))


def rules():
    """Names of all rules."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").rglob("*.smk")]
    return {name for path in files for name in re.findall(r"^rule (\w+):", path.read_text(), re.M)}


def simulated_section(folder):
    """A section as the rule `section` writes it, of a simulated distribution."""
    names = ("image.jpg", "counts.tsv", "spots.csv", "labels.tsv")
    paths = [str(folder / name) for name in names]
    content = {"all_tumour": False, "controls": False}
    write_genes(folder / "truth.tsv", folder / "genes.tsv", seed=1)
    simulate(*paths, section="S1", patient="P1", seed=1, content=content)
    row = dict(zip(("image", "counts", "spots", "labels"), paths, strict=True))
    row |= {"patient": "P1", "section": "S1", "format": "st-v5", "grid": "square"}
    write_section(
        {**row, "um_per_px": "", "pixel_scale": ""},
        folder / "S1.h5ad",
        folder / "S1.drops.tsv",
        label_classes={"tumour": ["tumor"], "normal": ["non"]},
        require_label=False,
        spot_window=128,
        spot_pitch_um=200,
        genes=folder / "genes.tsv",
    )
    return ad.read_h5ad(folder / "S1.h5ad")


def commands(text):
    """Command lines of the code blocks, without comments."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    return [line.split("  #")[0] for block in blocks for line in block.splitlines()]


def messages_of(source):
    """Texts of a module's strings, what is filled in as `…`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [p.value if isinstance(p, ast.Constant) else "…" for p in node.values]
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def unknown_parts(message, known):
    """The parts of a message, between its placeholders, that no message of the project has."""
    parts = [part.strip(" :;,()") for part in PLACEHOLDER.split(message)]
    return [part for part in parts if len(part) >= LEAST and part not in known]


def test_functions_exist():
    found = {
        reference: has(*reference)
        for page in PAGES
        for reference in re.findall(r"`(src/stnet/\S+\.py):\s(\w+)`", page.read_text("utf-8"))
    }
    assert len(found) > 150
    assert not [": ".join(reference) for reference, exists in found.items() if not exists]


def test_named_paths_exist():
    """Paths in backticks that begin with a folder of the project and end with a file's name."""
    pattern = rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+\.[a-z]+)(?=[`:])"
    named = {
        (page.relative_to(ROOT).as_posix(), path)
        for page in [*PAGES, *OTHER_PAGES]
        for path in re.findall(pattern, page.read_text("utf-8"))
        # The page of a new thing names its file `mine`. Runs write locks and TCGA's slide sheet.
        if "mine" not in path and not path.endswith((".lock.tsv", "slides/tcga.tsv"))
    }
    assert len(named) > 30
    assert not [each for each in sorted(named) if not (ROOT / each[1]).exists()]


def test_the_page_of_outputs_has_a_sections_slots(tmp_path):
    page = (ROOT / "docs/outputs.md").read_text("utf-8").split("### Sections")[1]
    rows = dict(re.findall(r"^\| `(\w+)[^|]* \| (.*) \|$", page.split("### ")[0], re.M))
    section = simulated_section(tmp_path)
    columns = set(re.findall(r"`(\w+)`", rows["obs"])) - {"tumour", "normal"}
    assert columns == set(section.obs)
    assert set(re.findall(r"`(\w+)`", rows["var"])) == set(section.var)
    slots = page.split("### ")[0]
    assert set(re.findall(r'^\| `uns\["(\w+)"\]', slots, re.M)) == set(section.uns)
    assert set(re.findall(r'^\| `obsm\["(\w+)"\]', slots, re.M)) == set(section.obsm)
    assert not section.layers


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = {
        target
        for page in PAGES
        for line in commands(page.read_text("utf-8"))
        for target in re.findall(r"^make ([\w-]+)", line)
    }
    assert {"demo", "test", "benchmark"} <= named
    assert not [name for name in named if not re.search(rf"^{name}:", makefile, re.M)]


def test_targets_of_snakemake_exist():
    options = r"(?:-\S+(?: [^-\s]\S*)?\s+)*"
    named = {
        target
        for page in PAGES
        for line in commands(page.read_text("utf-8").replace("-q rules", ""))
        for target in re.findall(
            rf"snakemake {options}(?:-- )?([a-z_]+)(?: -|$)", line.partition(" | ")[0].strip()
        )
    }
    assert {"plan", "supplement"} <= named
    assert named <= rules()


def test_messages_of_troubleshooting_are_the_projects():
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8").split("## Snakemake's own")[0]
    modules = [*(ROOT / "src").rglob("*.py")]
    known = "\n".join(m for path in modules for m in messages_of(path.read_text("utf-8")))
    others = [*(ROOT / "workflow/rules").rglob("*.smk"), ROOT / "Snakefile"]
    others.append(ROOT / "profiles/default/config.yaml")
    known += "\n".join(path.read_text("utf-8") for path in others)
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    messages = [
        "".join(found) for row in rows for found in re.findall(r"(?:``(.+?)``|`([^`]+)`)", row)
    ]
    assert len(messages) > 80
    unknown = {message: unknown_parts(message, known) for message in messages}
    assert not {message: parts for message, parts in unknown.items() if parts}


def test_an_unknown_message_is_recognised():
    assert unknown_parts("no column …; add what is missing", "no column …; the columns") == [
        "add what is missing"
    ]


def test_changelog_has_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(
        r"^## \[(\d\S*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert released[0] == version


def test_the_readme_is_short_and_begins_with_a_picture():
    assert len(README.splitlines()) <= 160
    [picture] = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert README.index(picture) < 300
    assert (ROOT / picture).stat().st_size < 300_000
