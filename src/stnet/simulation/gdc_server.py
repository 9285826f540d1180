"""A local server that serves a folder of `write_gdc` like the Genomic Data Commons."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit


@contextmanager
def serve(folder: str | Path) -> Iterator[str]:
    """Serve a folder of `write_gdc` on a free port; yield the host as `http://…`.

    - `POST /files` and `POST /cases`: `filters` (`and`, `or`, `in`, `=`), `fields`, `sort`,
      `size` and `from`.
    - `GET /files/{file_id}` with `fields`.
    - `GET /data/{file_id}`, also with a byte range.

    Source: ours; the protocol is that of the Genomic Data Commons' API.
    """
    with _Server(Path(folder)) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path):
        self.folder = folder
        self.lists = {
            name: json.loads((folder / f"{name}.json").read_text()) for name in ("files", "cases")
        }
        self.files = {hit["file_id"]: hit for hit in self.lists["files"]}
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request, client_address):
        """Ignore clients that close the connection; anything else is an error of this module."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Answer a query of files or cases."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hits = self.server.lists.get(self.path.strip("/"))
        if hits is None:
            self._answer(404, {"message": f"{self.path} is not an endpoint"})
            return
        try:
            query = json.loads(body)
            hits = [hit for hit in hits if _holds(query.get("filters"), hit)]
            hits = _sort(hits, query.get("sort", ""))
            size, first = int(query.get("size", 10)), int(query.get("from", 0))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._answer(400, {"message": f"bad request: {error!r}"})
            return
        page = [_chosen(hit, query.get("fields", "")) for hit in hits[first : first + size]]
        counts = {"count": len(page), "total": len(hits), "size": size, "from": first}
        self._answer(200, {"data": {"hits": page, "pagination": counts}, "warnings": {}})

    def do_GET(self):
        """Send a file."""
        url = urlsplit(self.path)
        _, endpoint, file_id, *_ = [*url.path.split("/"), "", ""]
        hit = self.server.files.get(file_id)
        if hit is None or endpoint not in ("files", "data"):
            self._answer(404, {"message": f"{url.path} does not exist"})
        elif endpoint == "files":
            fields = ",".join(parse_qs(url.query).get("fields", []))
            self._answer(200, {"data": _chosen(hit, fields), "warnings": {}})
        else:
            self._send_file(hit)

    def _send_file(self, hit: dict) -> None:
        size = hit["file_size"]
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(span[1]) if span else 0
        last = min(int(span[2]), size - 1) if span and span[2] else size - 1
        if span and first > last:
            self._begin(416, 0, {"Content-Range": f"bytes */{size}"})
            return
        headers = {"Accept-Ranges": "bytes"}
        if span:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._begin(206 if span else 200, last + 1 - first, headers)
        with open(self.server.folder / hit["file_id"] / hit["file_name"], "rb") as file:
            file.seek(first)
            if last == size - 1:
                shutil.copyfileobj(file, self.wfile)
            else:
                self.wfile.write(file.read(last + 1 - first))

    def _answer(self, status: int, answer: dict) -> None:
        body = json.dumps(answer).encode()
        self._begin(status, len(body), {"Content-Type": "application/json"})
        self.wfile.write(body)

    def _begin(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *arguments):
        """Print nothing."""


def _values(record: object, field: str) -> list:
    """Values of a dotted field, in all elements of lists along the path."""
    found = [record]
    for name in field.split("."):
        found = [value for value in _flat(found) if isinstance(value, dict) and name in value]
        found = [value[name] for value in found]
    return _flat(found)


def _flat(values: list) -> list:
    return [v for value in values for v in (value if isinstance(value, list) else [value])]


def _holds(filters: dict | None, hit: dict) -> bool:
    if not filters:
        return True
    operator, content = filters["op"], filters["content"]
    if operator in ("and", "or"):
        return (all if operator == "and" else any)(_holds(part, hit) for part in content)
    if operator not in ("in", "="):
        raise ValueError(f"operator {operator!r}")
    return not set(_flat([content["value"]])).isdisjoint(_values(hit, content["field"]))


def _sort(hits: list[dict], sort: str) -> list[dict]:
    """Sort hits by `field:asc` or `field:desc`, or several of these separated by commas."""
    for key in reversed(list(filter(None, sort.split(",")))):
        field, _, direction = key.partition(":")
        hits = sorted(hits, key=lambda hit: _values(hit, field)[:1], reverse=direction == "desc")
    return hits


def _chosen(hit: dict, fields: str) -> dict:
    """The hit with the requested dotted fields, or by default with its top-level fields."""
    if not fields:
        return {name: value for name, value in hit.items() if not isinstance(value, dict | list)}
    return _pruned(hit, [["id"], *(field.split(".") for field in fields.split(","))])


def _pruned(value: object, wanted: list[list[str]]) -> object:
    if isinstance(value, list):
        return [_pruned(element, wanted) for element in value]
    if not isinstance(value, dict):
        return value
    below = {name: [path[1:] for path in wanted if path[:1] == [name]] for name in value}
    return {name: _pruned(value[name], paths) for name, paths in below.items() if paths}
