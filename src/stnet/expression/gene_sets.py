"""Read gene sets, such as pathways, from GMT files."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from stnet.core.checksums import check_record
from stnet.core.errors import InputError, check_system

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


class GeneSet(NamedTuple):
    """A set of gene symbols. Databases differ in what they use as name and as description."""

    name: str
    description: str
    genes: frozenset[str]


def read_gene_sets(path: str | Path) -> list[GeneSet]:
    """Read a GMT file: one line per set with name, description and genes, separated by tabs.

    The file may be compressed by gzip, or be the only file in a zip archive, as Reactome
    distributes it; its name does not matter. Raises InputError naming the file and the line if a
    set has no genes or its name is repeated, or if the file is not as it was downloaded.
    """
    check_record(path)
    try:
        text = unpacked(path).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeDecodeError) as error:
        check_system(error, path)
        raise InputError(f"{path}: not a complete GMT file ({error}); download it again") from error
    sets: dict[str, GeneSet] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        name, *more = (_unquoted(field.strip()) for field in line.split("\t"))
        genes = frozenset(filter(None, more[1:]))
        if not name or not genes or any('"' in gene for gene in genes):
            raise InputError(
                f"{path} line {number}: not a gene set (name, description and genes, separated by"
                " tabs, without quotes); is it a GMT file?"
            )
        if name in sets:
            raise InputError(f"{path} line {number}: {name} is repeated; rename or remove one")
        sets[name] = GeneSet(name, more[0], genes)
    if not sets:
        raise InputError(f"{path}: has no gene sets; download it again")
    return list(sets.values())


def _unquoted(field: str) -> str:
    return field[1:-1].strip() if len(field) > 1 and field[0] == field[-1] == '"' else field


def unpacked(path: str | Path) -> bytes:
    """Content of a file, decompressed if it is a gzip file or a zip archive of one file.

    Raises OSError, EOFError, zlib.error or BadZipFile if it is damaged.
    """
    content = Path(path).read_bytes()
    if content.startswith(GZIP):
        return gzip.decompress(content)
    if content.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise zipfile.BadZipFile(f"{len(names)} files in the archive instead of one")
            return archive.read(names[0])
    return content
