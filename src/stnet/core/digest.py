"""Hashes of all code of a job: Snakemake tracks a script, but not what the script imports."""

import ast
import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """One import statement: `module` as written, `level` leading dots, `names` taken from it."""

    module: str
    level: int
    names: tuple[str, ...]


class Code(NamedTuple):
    """What a Python file says: the hash of its code, and its import statements."""

    hash: str
    imports: tuple[Import, ...]


def code_digest(hashes: dict[str, str]) -> str:
    """One hash, of 16 hexadecimal digits, over those of `Library.hashes`.

    Source: ours.
    """
    return _hash(repr(hashes).encode())


def read_code(source: bytes, path: str) -> Code:
    """Parse Python; `path` is for the message of a SyntaxError.

    The hash ignores comments, docstrings and formatting. The code is hashed as `ast.unparse` writes
    it, so a new minor version of Python may change the hash. Imports inside functions are listed,
    too.

    Source: ours.
    """
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
    return Code(_hash(ast.unparse(tree).encode()), tuple(found))


class Library:
    """A folder on the import path, with one or more packages in it, of which files are read once.

    Source: ours.
    """

    def __init__(self, folder: Path, read: Callable[[Path], Code] | None = None) -> None:
        self._folder = folder
        self._of = cache(read or _read)
        self._targets, self._exists = cache(self._find_targets), cache(self._is_module)
        self._file, self._data = cache(self._find_file), cache(self._hash_data)

    def hashes(self, script: Path) -> dict[str, str]:
        """Hash the code that `script` runs: itself and what it imports, transitively.

        A hash changes with any statement of its module, as in `read_code`. Any other file in the
        packages has a hash too.

        Args:
            script: a Python file outside the library.

        Returns:
            16 hexadecimal digits by the script's file name, dotted names of modules, and paths of
            other files relative to the library, in a fixed order.

        Raises:
            FileNotFoundError: an imported library module does not exist.
            SyntaxError: a module cannot be parsed.
        """
        modules = self.modules(script)
        found = {script.name: self._of(script).hash}
        found |= {name: self._of(path).hash for name, path in modules.items()}
        for path in modules.values():
            if path.name == "__init__.py":
                found |= self._data(path.parent)
        return found

    def modules(self, script: Path) -> dict[str, Path]:
        """Find the modules that `script` may import, sorted by dotted name.

        All imports are followed, also relative ones, those inside functions, and those in the
        `__init__.py` of a parent package. Errors are those of `hashes`.
        """
        found: dict[str, Path] = {}
        waiting = [(script, "")]
        while waiting:
            for name in self._targets(*waiting.pop()):
                if name not in found:
                    found[name] = self._file(name)
                    is_package = found[name].name == "__init__.py"
                    waiting.append((found[name], name if is_package else name.rpartition(".")[0]))
        return dict(sorted(found.items()))

    def _find_targets(self, importer: Path, package: str) -> tuple[str, ...]:
        """The dotted names in the library that `importer` imports, parent packages first."""
        found = []
        for statement in self._of(importer).imports:
            module = statement.module
            if statement.level:
                above = package.split(".")[: len(package.split(".")) - statement.level + 1]
                module = ".".join([*above, module] if module else above)
            parts = module.split(".")
            if not self._exists(parts[0]):
                continue
            found += [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
            members = [f"{module}.{name}" for name in statement.names]
            found += filter(self._exists, members)
        return tuple(found)

    def _stem(self, name: str) -> Path:
        return self._folder.joinpath(*name.split("."))

    def _is_module(self, name: str) -> bool:
        stem = self._stem(name)
        return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()

    def _find_file(self, name: str) -> Path:
        stem = self._stem(name)
        package = stem / "__init__.py"
        module = package if package.is_file() else stem.with_suffix(".py")
        if not module.is_file():
            both = f"neither {package} nor {module} exists"
            raise FileNotFoundError(f"{name} is imported, but {both}")
        return module

    def _hash_data(self, package: Path) -> dict[str, str]:
        paths = sorted(_data_files(package))
        return {p.relative_to(self._folder).as_posix(): _hash(p.read_bytes()) for p in paths}


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


def _read(path: Path) -> Code:
    return read_code(path.read_bytes(), str(path))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
