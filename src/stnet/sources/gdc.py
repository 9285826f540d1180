"""Listings and files of the Genomic Data Commons (GDC)."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from stnet.core.hashing import Hash
from stnet.sources.http import TryAgain, ask_json, persist
from stnet.sources.mirror import obtain

logger = logging.getLogger(__name__)

PAGE = 500  # entries per page
KEYS = {"files": "file_id", "cases": "case_id"}


def list_entries(
    host: str,
    endpoint: str,
    *,
    filters: Mapping[str, str],
    fields: Sequence[str],
) -> list[dict]:
    """List all files or cases with the given values.

    The listing comes in pages. If it changes between pages, it is requested again from the start,
    so that the result is complete and consistent.

    Args:
        host: host of the GDC's API, with scheme.
        endpoint: a key of `KEYS`.
        filters: required value of each field, such as `{"access": "open"}`.
        fields: fields to request besides the id.

    Returns:
        The entries as the GDC gives them, nested, sorted by id.

    Raises:
        InputError: the address does not answer, or its listing changes at every attempt.

    Source: ours; the protocol is the GDC's.
    """
    url, key = f"{host}/{endpoint}", KEYS[endpoint]
    query = {
        "filters": {
            "op": "and",
            "content": [
                {"op": "in", "content": {"field": field, "value": [value]}}
                for field, value in filters.items()
            ],
        },
        "fields": ",".join([key, *fields]),
        "format": "JSON",
        "sort": f"{key}:asc",
        "size": PAGE,
    }
    entries = persist(lambda: _read_pages(url, key, query), url)
    return [entries[name] for name in sorted(entries)]


def download_file(
    host: str,
    file_id: str,
    path: str | Path,
    *,
    md5: str,
    size: int | None,
    mirror: str | Path | None = None,
) -> None:
    """Copy a file of the GDC from a mirror, or download it, verified by its MD5.

    Args:
        host: host of the GDC's API, with scheme.
        file_id: id of the file.
        path: output.
        md5: MD5 of the file; "" asks the GDC for it.
        size: length of the file in bytes; None asks the GDC for it.
        mirror: folder of files downloaded by the GDC's client, or None.

    Raises:
        InputError: the address does not answer or never gives the right bytes, or the mirror is not
            a folder or has other bytes. `path` stays as it was.

    Source: ours; the protocol is the GDC's.
    """
    name = _name_in_mirror(mirror, file_id) if mirror is not None else None
    if not name and (not md5 or size is None):
        stated_md5, stated_size = _ask_fingerprint(host, file_id)
        md5, size = md5 or stated_md5, stated_size if size is None else size
    url = f"{host}/data/{file_id}"
    expected = Hash("md5", md5) if md5 else None
    obtain(name or file_id, url, path, expected=expected, size=size, mirror=mirror)


def _name_in_mirror(mirror: str | Path, file_id: str) -> str | None:
    """Name of a file in a folder of the GDC's client, `{file_id}/{file_name}`; None if missing.

    Source: ours; the layout is that of `gdc-client download`, which may add a folder for its logs
    and `annotations.txt`.
    """
    names = [path.name for path in Path(mirror, file_id).glob("[!.]*") if path.is_file()]
    names = [n for n in names if n != "annotations.txt" and not n.endswith(".partial")]
    return f"{file_id}/{names[0]}" if len(names) == 1 else None


def _read_pages(url: str, key: str, query: dict) -> dict[str, dict]:
    """Entries of all pages by id. Raises TryAgain if the listing changed between pages."""
    entries: dict[str, dict] = {}
    total, last = 1, ""
    while len(entries) < total:
        # Each page begins with the last entry of the page before. Any other entry there shows that
        # the listing shifted, even if its length did not change.
        answer = ask_json(url, dict, query | {"from": max(len(entries) - 1, 0)})
        page, stated = _page(answer, key)
        names = [entry[key] for entry in page]
        if not entries:
            total = stated
            if warnings := answer.get("warnings"):
                logger.warning(f"{url}: the server warns: {warnings}")
        elif stated != total:
            raise TryAgain(f"{total} entries became {stated} during the listing")
        elif names[:1] != [last]:
            raise TryAgain(f"{last} moved to another page during the listing")
        fresh = {name: entry for name, entry in zip(names, page, strict=True) if name != last}
        if len(fresh) != len(names) - bool(entries) or not fresh.keys().isdisjoint(entries):
            raise TryAgain(f"the {len(names)} entries after {len(entries)} have a repeated one")
        if total and not fresh:
            raise TryAgain(f"received only {len(entries)} of {total} entries")
        entries |= fresh
        last = names[-1] if names else ""
    if len(entries) > total:
        raise TryAgain(f"received {len(entries)} entries instead of {total}")
    return entries


def _page(answer: dict, key: str) -> tuple[list[dict], int]:
    """Entries of a page, and the total number of entries."""
    try:
        page, total = answer["data"]["hits"], int(answer["data"]["pagination"]["total"])
        if all(isinstance(entry[key], str) for entry in page):
            return page, total
    except (KeyError, TypeError, ValueError):
        pass
    raise TryAgain(f"the answer is not a page of a listing but {str(answer)[:100]!r}")


def _ask_fingerprint(host: str, file_id: str) -> tuple[str, int]:
    """MD5 and length in bytes of a file."""
    url = f"{host}/files/{file_id}?fields=md5sum,file_size,file_name"

    def attempt() -> tuple[str, int]:
        answer = ask_json(url, dict)
        data = answer.get("data")
        stated = data if isinstance(data, dict) else {}
        md5, size = str(stated.get("md5sum")).lower(), str(stated.get("file_size"))
        if not re.fullmatch("[0-9a-f]{32}", md5) or not size.isdigit():
            raise TryAgain(f"the answer has no md5sum and file_size but is {str(answer)[:100]!r}")
        return md5, int(size)

    return persist(attempt, url)
