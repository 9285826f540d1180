"""A change in a module must show in the digests of the scripts that use it, and in no others."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest
from project import ROOT

import stnet.core.digest
from stnet.core.checksums import read_json
from stnet.core.digest import Library, code_digest, read_code
from stnet.core.parsed_code import ParsedCode

LIBRARY = ROOT / "src"

FILES = {
    "script.py": """
        from lib.direct import f

        f(snakemake.input[0])
    """,
    "src/lib/__init__.py": "",
    "src/lib/direct.py": '''
        """A module."""
        from .sibling import g
        from lib.package import member


        def f(x):
            """Do."""
            import lib.nested

            return g(x) + lib.nested.h(x)  # a comment
    ''',
    "src/lib/sibling.py": "def g(x):\n    return x\n",
    "src/lib/nested.py": "def h(x):\n    return x\n",
    "src/lib/package/__init__.py": "from . import exported\n",
    "src/lib/package/exported.py": "X = 1\n",
    "src/lib/package/member.py": "from ..outer import Y\nfrom . import peer\n",
    "src/lib/package/peer.py": "Z = 3\n",
    "src/lib/package/table.tsv": "a\tb\n",
    "src/lib/package/data/deep.tsv": "c\td\n",
    "src/lib/outer.py": "Y = 2\n",
    "src/lib/unused.py": "U = 0\n",
    "src/lib/elsewhere/__init__.py": "",
    "src/lib/elsewhere/other.tsv": "e\tf\n",
}
USED = [name for name in FILES if "unused" not in name and "elsewhere" not in name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip("\n"))


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        write(tmp_path / name, text)
    return tmp_path


def digest(tree: Path) -> str:
    return code_digest(hashes(tree))


def hashes(tree: Path) -> dict[str, str]:
    return Library(tree / "src").hashes(tree / "script.py")


def test_finds_every_form_of_import(tree):
    found = Library(tree / "src").modules(tree / "script.py")
    assert list(found) == [
        "lib",
        "lib.direct",
        "lib.nested",
        "lib.outer",
        "lib.package",
        "lib.package.exported",
        "lib.package.member",
        "lib.package.peer",
        "lib.sibling",
    ]


@pytest.mark.parametrize("name", USED)
def test_a_change_of_what_is_used_shows(tree, name):
    before = digest(tree)
    with open(tree / name, "a") as file:
        file.write("\nADDED = 1\n")
    assert digest(tree) != before


def test_the_hash_that_changes_is_that_of_the_changed_module(tree):
    before = hashes(tree)
    with open(tree / "src/lib/package/peer.py", "a") as file:
        file.write("\nADDED = 1\n")
    after = hashes(tree)
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        "lib.package.peer"
    }
    assert {"script.py", "lib.direct", "lib/package/table.tsv"} < before.keys()


@pytest.mark.parametrize("name", sorted(set(FILES) - set(USED)))
def test_a_change_of_what_is_not_used_does_not(tree, name):
    before = digest(tree)
    with open(tree / name, "a") as file:
        file.write("\nADDED = 1\n")
    assert digest(tree) == before


def test_a_new_file_beside_the_modules_shows(tree):
    before = digest(tree)
    (tree / "src/lib/package/new.json").write_text("{}")
    assert digest(tree) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # a comment", "  # another comment"),
        ('"""A module."""', '"""A module, said otherwise."""'),
        ('"""A module."""', ""),
        ('    """Do."""\n', ""),
        ("def f(x):", "\n\n\ndef f(\n    x,\n):"),
        ("lib.nested.h(x)", "(lib.nested.h(x))"),
    ],
)
def test_words_and_layout_do_not_matter(tree, old, new):
    before = digest(tree)
    path = tree / "src/lib/direct.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert digest(tree) == before


def test_a_docstring_where_there_was_none_does_not_matter(tree):
    before = digest(tree)
    write(tree / "src/lib/sibling.py", '"""New."""\n\n\ndef g(x):\n    """New."""\n    return x\n')
    assert digest(tree) == before


def test_does_not_depend_on_where_the_checkout_is(tree, tmp_path_factory):
    moved = tmp_path_factory.mktemp("moved") / "checkout"
    tree.rename(moved)
    for name, text in FILES.items():
        write(tree / name, text)
    assert digest(moved) == digest(tree)


def test_an_import_of_nothing_is_named(tree):
    (tree / "script.py").write_text("from lib.missing import f\n")
    with pytest.raises(FileNotFoundError, match=r"lib\.missing"):
        digest(tree)


def test_a_module_is_parsed_once_for_all_digests(tmp_path, monkeypatch):
    """Modelled on the finished project: 40 scripts over 120 modules that import one another."""
    (tmp_path / "src/lib").mkdir(parents=True)
    (tmp_path / "src/lib/__init__.py").write_text("")
    body = "def f(x):\n    return [x + 1 for x in range(10)]\n\n\n" * 40
    for module in range(120):
        lower = "\n".join(f"from lib.m{i} import f" for i in range(0, module, 7))
        (tmp_path / f"src/lib/m{module}.py").write_text(f"{lower}\n{body}")
    scripts = [tmp_path / f"s{i}.py" for i in range(40)]
    for i, script in enumerate(scripts):
        script.write_text(f"from lib.m{119 - i} import f\n")
    parsed, parse = [], ast.parse

    def record(source, *args, **keys):
        parsed.append(keys.get("filename"))
        return parse(source, *args, **keys)

    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", record)
        library = Library(tmp_path / "src")
        found = {code_digest(library.hashes(script)) for script in scripts}
    assert len(found) == 40
    assert len(parsed) == len(set(parsed))


def dynamic_imports(path: Path) -> list[str]:
    """What in a module the digest cannot follow: imports by a computed name."""
    machinery = {"importlib", "imp", "runpy", "pkgutil"}
    harmless = ("importlib.resources", "importlib.metadata")
    imported = {
        f"{statement.module}.{name}" if name else statement.module
        for statement in read_code(path.read_bytes(), str(path)).imports
        if statement.module.split(".")[0] in machinery
        for name in statement.names or [""]
    }
    builtins = {"__import__", "exec", "eval"}
    called = {
        node.id
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Name) and node.id in builtins
    }
    return sorted(called | {name for name in imported if not name.startswith(harmless)})


def test_the_library_has_no_dynamic_import():
    modules = sorted(LIBRARY.rglob("*.py"))
    assert len(modules) > 100
    found = {str(path.relative_to(LIBRARY)): dynamic_imports(path) for path in modules}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import importlib", ["importlib"]),
        ("from importlib import import_module, resources", ["importlib.import_module"]),
        ("from importlib.metadata import version", []),
        ("def f(name):\n    return __import__(name)", ["__import__"]),
        ("model.eval()", []),
    ],
)
def test_a_dynamic_import_is_recognised(tmp_path, code, found):
    (tmp_path / "module.py").write_text(code)
    assert dynamic_imports(tmp_path / "module.py") == found


def test_what_is_known_of_modules_changes_no_hash(tree):
    library, other = Library(tree / "src"), tree / "other.py"
    other.write_text("from lib import sibling\nfrom lib.package import member\n")
    for script in (tree / "script.py", other, tree / "script.py"):
        assert library.hashes(script) == Library(tree / "src").hashes(script)


@pytest.fixture
def kept(tree, monkeypatch):
    """The file that keeps what was parsed, of a run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tree / "cache"))
    assert parsed(tree) == hashes(tree)
    (path,) = (tree / "cache/stnet").iterdir()
    return path


def parsed(tree: Path) -> dict[str, str]:
    known = ParsedCode()
    found = Library(tree / "src", known.of).hashes(tree / "script.py")
    known.keep()
    return found


def test_only_what_has_changed_is_parsed_in_the_next_run(tree, kept, monkeypatch):
    before, parse = hashes(tree), ast.parse
    (tree / "src/lib/direct.py").write_text("import lib.unused\n")
    after, names = hashes(tree), []

    def record(source, *args, **keys):
        names.append(Path(keys["filename"]).name)
        return parse(source, *args, **keys)

    monkeypatch.setattr(ast, "parse", record)
    assert parsed(tree) == after != before
    assert names == ["direct.py", "unused.py"]
    assert parsed(tree) == after
    assert len(names) == 2
    # What is no longer used is not kept.
    files = [tree / "script.py", *Library(tree / "src").modules(tree / "script.py").values()]
    assert len(read_json(kept)) == len({path.read_bytes() for path in files})


@pytest.mark.parametrize("damage", [lambda text: "", lambda text: text.replace("1", "2", 1)])
def test_a_damaged_file_of_what_was_parsed_is_written_again(tree, kept, damage):
    whole = kept.read_text()
    kept.write_text(damage(whole))
    assert parsed(tree) == hashes(tree)
    assert kept.read_text() == whole


def test_another_parser_parses_again(tree, kept, monkeypatch):
    monkeypatch.setattr(stnet.core.digest, "_is_text", lambda statement: False)
    before = hashes(tree)
    assert parsed(tree) != before
    parser = tree / "digest.py"
    parser.write_text("# Docstrings count.")
    monkeypatch.setattr(stnet.core.digest, "__file__", str(parser))
    assert parsed(tree) == before


def test_without_a_place_to_keep_what_was_parsed_hashes_are_the_same(tree, monkeypatch):
    (tree / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tree / "file"))
    assert parsed(tree) == hashes(tree)
