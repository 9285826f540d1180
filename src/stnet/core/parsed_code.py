"""What the library's files say, kept between starts of the workflow."""

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

import stnet.core.digest
from stnet.core.checksums import read_json, write_json
from stnet.core.digest import Code, Import, read_code
from stnet.core.errors import InputError


class ParsedCode:
    """What `read_code` said of each file, kept by the hash of its bytes and of the parser (ours).

    Parsing the whole library takes seconds, which every start of the workflow would wait for. A
    file of the user's cache, one for each minor version of Python, is shared by all checkouts. If
    it cannot be read, or is damaged, files are parsed again.
    """

    def __init__(self) -> None:
        version = "{}.{}".format(*sys.version_info)
        # Another `read_code` or `ast.unparse` gives other hashes.
        self._parser = sys.version.encode() + Path(stnet.core.digest.__file__).read_bytes()
        self._path, self._known, self._used = None, {}, {}
        # There may be neither a home nor a file.
        with suppress(OSError, RuntimeError, InputError):
            self._path = user_cache_path("stnet") / f"code-{version}.json"
            self._known = read_json(self._path)

    def of(self, path: Path) -> Code:
        """What a file says, as `read_code`."""
        source = path.read_bytes()
        key = hashlib.sha256(self._parser + source).hexdigest()
        self._used[key] = self._known.get(key) or read_code(source, str(path))
        digest, imports = self._used[key]
        return Code(digest, tuple(Import(name, level, tuple(of)) for name, level, of in imports))

    def keep(self) -> None:
        """Write what was used, unless all of it was known. Without a place for it, do nothing."""
        if self._path and not self._used.keys() <= self._known.keys():
            with suppress(OSError, InputError):
                write_json(self._path, self._used)
