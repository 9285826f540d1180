"""A local server that lists the files and cases of `write_gdc` like the Genomic Data Commons."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


@contextmanager
def serve(folder: str | Path) -> Iterator[str]:
    """Serve the listings of a folder of `write_gdc` on a free port; yield the host as `http://…`.

    `POST /files` and `POST /cases` answer the queries of `stnet.sources.gdc.list_entries`, with
    `filters` (`in`, joined by `and`), `fields`, `sort`, `size` and `from`. The files themselves are
    taken from the folder, as from a mirror.

    Source: ours; the protocol is that of the Genomic Data Commons' API.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.lists = {
            f"/{name}": json.loads(Path(folder, f"{name}.json").read_text())
            for name in ("files", "cases")
        }
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        """Answer a query of files or cases."""
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        filters = [part["content"] for part in query["filters"]["content"]]
        hits = [
            hit
            for hit in self.server.lists[self.path]
            if all(set(each["value"]) & set(_values(hit, each["field"])) for each in filters)
        ]
        hits.sort(key=lambda hit: hit[query["sort"].removesuffix(":asc")])
        wanted = [["id"], *(field.split(".") for field in query["fields"].split(","))]
        page = [_pruned(hit, wanted) for hit in hits[query["from"] :][: query["size"]]]
        answer = {"data": {"hits": page, "pagination": {"total": len(hits)}}, "warnings": {}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments):
        """Print nothing."""


def _values(record: object, field: str) -> list:
    """Values of a dotted field, in all elements of lists along the path."""
    found = [record]
    for name in field.split("."):
        found = [value[name] for value in _flat(found) if name in value]
    return _flat(found)


def _flat(values: list) -> list:
    return [v for value in values for v in (value if isinstance(value, list) else [value])]


def _pruned(value: object, wanted: list[list[str]]) -> object:
    """What the dotted fields ask for of a hit."""
    if isinstance(value, list):
        return [_pruned(element, wanted) for element in value]
    if not isinstance(value, dict):
        return value
    below = {name: [path[1:] for path in wanted if path[:1] == [name]] for name in value}
    return {name: _pruned(value[name], paths) for name, paths in below.items() if paths}
