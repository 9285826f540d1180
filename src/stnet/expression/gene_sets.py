"""Gene sets, such as pathways, from files in the GMT format."""

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from stnet.core.errors import InputError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


class GeneSet(NamedTuple):
    """A set of genes by symbol; what is name and what description differs between databases."""

    name: str
    description: str
    genes: frozenset[str]


def read_gene_sets(path: str | Path) -> list[GeneSet]:
    """Gene sets of a GMT file: a line a set, of name, description and genes, separated by tabs.

    The file may be packed by gzip, or be the only one in a zip archive (as Reactome distributes
    it), whatever its name. Raises InputError naming the file and the line: without a gene, or of a
    name that an earlier line has.
    """
    try:
        text = unpacked(path).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a whole GMT file ({error}); get it again") from error
    sets: dict[str, GeneSet] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        name, *more = (field.strip() for field in line.split("\t"))
        genes = frozenset(filter(None, more[1:]))
        if not name or not genes:
            raise InputError(
                f"{path} line {number}: no gene set of name, description and genes, separated by"
                " tabs; is it a GMT file?"
            )
        if name in sets:
            raise InputError(f"{path} line {number}: {name} is there twice; rename or remove one")
        sets[name] = GeneSet(name, more[0], genes)
    if not sets:
        raise InputError(f"{path}: no gene set in it; get it again")
    return list(sets.values())


def unpacked(path: str | Path) -> bytes:
    """Bytes of a file, or of what is packed in it by gzip or alone in a zip archive.

    Raises OSError, EOFError, zlib.error or BadZipFile where it is damaged.
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
