"""Hashes of all code of a job: Snakemake tracks a script, but not what the script imports."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """One import statement: `module` as written, `level` leading dots, `names` taken from it."""

    module: str
    level: int
    names: tuple[str, ...]


def code_hashes(
    script: Path, library: Path, known: dict[Path, tuple[str, ...]] | None = None
) -> dict[str, str]:
    """Hash the code that `script` runs: itself and what it imports, transitively, from `library`.

    A hash changes with any statement of its module. It ignores comments, docstrings and formatting.
    The code is hashed as `ast.unparse` writes it, so a new minor version of Python may change the
    hash. Any other file in the packages has a hash too.

    Args:
        script: a Python file outside the library.
        library: a folder on the import path, with one or more packages in it.
        known: filled with the names that each module imports, and read, so that a call for another
            script of the same library does not look for them again.

    Returns:
        16 hexadecimal digits by the script's file name, dotted names of modules, and paths of
        other files relative to the library, in a fixed order.

    Raises:
        FileNotFoundError: an imported library module does not exist.
        SyntaxError: a module cannot be parsed.

    Source: ours.
    """
    return {
        name: hashlib.sha256(content).hexdigest()[:16]
        for name, content in _contents(script, library, {} if known is None else known)
    }


def code_digest(hashes: dict[str, str]) -> str:
    """One hash, of 16 hexadecimal digits, over those of `code_hashes`.

    Source: ours.
    """
    return hashlib.sha256(repr(hashes).encode()).hexdigest()[:16]


def imported_modules(
    script: Path, library: Path, known: dict[Path, tuple[str, ...]] | None = None
) -> dict[str, Path]:
    """Find the modules in `library` that `script` may import, sorted by dotted name.

    All imports are followed, also relative ones, those inside functions, and those in the
    `__init__.py` of a parent package. Arguments and errors are those of `code_hashes`.

    Source: ours.
    """
    known = {} if known is None else known
    found: dict[str, Path] = {}
    waiting = [(script, "")]
    while waiting:
        importer, package = waiting.pop()
        if importer not in known:
            known[importer] = tuple(_targets(importer, package, library))
        for name in known[importer]:
            if name not in found:
                found[name] = _file(name, library)
                is_package = found[name].name == "__init__.py"
                waiting.append((found[name], name if is_package else name.rpartition(".")[0]))
    return dict(sorted(found.items()))


def imports(path: Path) -> tuple[Import, ...]:
    """List every import statement of a Python file, nested ones included.

    Source: ours.
    """
    return _parse(path.read_bytes(), str(path))[1]


def _contents(
    script: Path, library: Path, known: dict[Path, tuple[str, ...]]
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of everything that the digest covers, in a fixed order."""
    modules = imported_modules(script, library, known)
    for name, path in [(script.name, script), *modules.items()]:
        yield name, _parse(path.read_bytes(), str(path))[0].encode()
    for package in (path.parent for path in modules.values() if path.name == "__init__.py"):
        for path in sorted(_data_files(package)):
            yield path.relative_to(library).as_posix(), path.read_bytes()


def _targets(importer: Path, package: str, library: Path) -> Iterator[str]:
    """Yield the dotted names in `library` that `importer` imports, parent packages first."""
    for statement in imports(importer):
        module = statement.module
        if statement.level:
            above = package.split(".")[: len(package.split(".")) - statement.level + 1]
            module = ".".join([*above, module] if module else above)
        parts = module.split(".")
        if not _exists(parts[0], library):
            continue
        for end in range(1, len(parts) + 1):
            yield ".".join(parts[:end])
        for name in statement.names:
            if _exists(f"{module}.{name}", library):
                yield f"{module}.{name}"


def _stem(name: str, library: Path) -> Path:
    return library.joinpath(*name.split("."))


def _exists(name: str, library: Path) -> bool:
    stem = _stem(name, library)
    return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()


def _file(name: str, library: Path) -> Path:
    stem = _stem(name, library)
    package = stem / "__init__.py"
    module = package if package.is_file() else stem.with_suffix(".py")
    if not module.is_file():
        raise FileNotFoundError(f"{name} is imported, but neither {package} nor {module} exists")
    return module


# Leftovers of editors, merges and the interpreter, which no code reads as data.
LEFTOVERS = {".py", ".pyc", ".bak", ".orig", ".rej", ".swp"}


def _data_files(package: Path) -> Iterator[Path]:
    """Yield a package's files other than modules, without those of subpackages."""
    for path in package.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.name != "__pycache__" and not (path / "__init__.py").is_file():
                yield from _data_files(path)
        elif path.suffix not in LEFTOVERS and not path.name.endswith("~"):
            yield path


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring of a module, class, function or attribute."""
    match statement:
        case ast.Expr(ast.Constant(str())):
            return True
    return False


@cache
def _parse(source: bytes, path: str) -> tuple[str, tuple[Import, ...]]:
    """Return a module's code without docstrings, and its imports. Cached by content."""
    tree = ast.parse(source, filename=path)
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found += [Import(alias.name, 0, ()) for alias in node.names]
            case ast.ImportFrom():
                names = tuple(alias.name for alias in node.names)
                found.append(Import(node.module or "", node.level, names))
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                node.body = [each for each in node.body if not _is_text(each)] or [ast.Pass()]
    return ast.unparse(tree), tuple(found)
