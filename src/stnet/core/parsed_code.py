"""What the library's files say, kept between starts of the workflow."""

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from stnet.core.atomic import atomic_path
from stnet.core.digest import Code, Import, read_code
from stnet.core.errors import InputError


class ParsedCode:
    """What `read_code` said of each file, kept by the hash of its bytes (ours).

    Parsing the whole library takes seconds, which every start of the workflow would wait for. A
    file of the user's cache, one for each minor version of Python, is shared by all checkouts. If
    it cannot be read, or is damaged, files are parsed again.
    """

    def __init__(self) -> None:
        version = "{}.{}".format(*sys.version_info)
        self._path = user_cache_path("stnet") / f"code-{version}.json"
        self._known, self._used = {}, {}
        with suppress(OSError, ValueError, TypeError, AttributeError):
            for key, (digest, imports) in json.loads(self._path.read_bytes()).items():
                found = tuple(
                    Import(module, level, tuple(names)) for module, level, names in imports
                )
                self._known[key] = Code(digest, found)

    def of(self, path: Path) -> Code:
        """What a file says, as `read_code`."""
        source = path.read_bytes()
        key = hashlib.sha256(source).hexdigest()
        self._used[key] = self._known.get(key) or read_code(source, str(path))
        return self._used[key]

    def keep(self) -> None:
        """Write what was used, unless all of it was known. Without a place for it, do nothing."""
        if self._used.keys() <= self._known.keys():
            return
        with suppress(OSError, InputError), atomic_path(self._path) as path:
            path.write_text(json.dumps(self._used))
