"""A real HTTP server on this machine, faults included, with the listings of Mendeley Data."""

import hashlib
import json
import socket
import struct
import threading
import time
from collections import defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stnet.sources import http as client
from stnet.sources.http import Patience

QUICK = {"attempts": 4, "backoff": 0.001, "longest": 0.01, "timeout": (5, 5)}


def limit(**limits):
    """Set the limits of downloads; the fixture `quick` restores them after the test."""
    client.PATIENCE = Patience(**limits)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Remote(ThreadingHTTPServer):
    """Serves `files` (path: bytes); each request for a path takes the next of its `faults`.

    Faults: "reset" and "cut" end the connection after half of the body, "stall" pauses there,
    "no_range" sends everything whatever was asked for, "elsewhere" another range, "corrupt" other
    bytes, "error" a JSON error with status 200; "gzip" claims that the body is compressed, "less"
    sends less of a range than is left, "endless" never ends and states no length, "drip" sends a
    byte at a time, "header" a header that never ends, byte by byte, "announced" states a length of
    10 TB, and a number is a status (301 leads to `moved`, 503 comes with Retry-After: 7).

    `requests` lists (path, Range header or ""), `passwords` Authorization headers, and `bodies`
    (path, JSON) of POST requests, which `reply` answers.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str | int]] = defaultdict(list)
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[tuple[str, dict]] = []
        self.passwords: list[str | None] = []
        self.moved = "/moved"
        self.host = f"http://127.0.0.1:{self.server_port}"

    def publish(self, dataset: str, version: int, files: dict[str, bytes]) -> None:
        """Publish a dataset: its listing and its files under /public-files/NAME."""
        self.files |= {f"/public-files/{name}": content for name, content in files.items()}
        self.files[listing_path(dataset, version)] = json.dumps(
            [
                {
                    "filename": name,
                    "size": len(content),
                    "content_details": {
                        "sha256_hash": sha256(content),
                        "size": len(content),
                        "download_url": f"{self.host}/public-files/{name}",
                    },
                }
                for name, content in files.items()
            ]
        ).encode()

    def reply(self, path: str, body: dict) -> bytes | None:
        """Answer of a POST request, None if there is nothing at the path."""
        return self.files.get(path)

    def asked(self, name: str) -> list[str]:
        """Range headers of the requests for the path that ends in `name`."""
        return [span for path, span in self.requests if path.endswith(name)]

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the tests."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.shutdown()
        self.server_close()


def two_patients() -> dict[str, bytes]:
    """Dataset of sections C1 and D2 of patient 100, and C1 of 205, prefixes BT and BC at random."""
    files, rows = {}, []
    for number, replicate in [("205", "C1"), ("100", "C1"), ("100", "D2")]:
        other, name = ("BT", "BC") if replicate == "C1" else ("BC", "BT")
        names = {
            "labels": f"{name}{number}_{replicate}_Coords.tsv.gz",
            "spots": f"spots_{other}{number}_{replicate}.csv.gz",
            "counts": f"{name}{number}_{replicate}_stdata.tsv.gz",
            "image": f"HE_{other}{number}_{replicate}.jpg",
        }
        files |= {name: f"{kind} of {number} {replicate}".encode() for kind, name in names.items()}
        rows.append(["TNBC", f"{other}{number}", replicate, *names.values()])
    columns = ["tumor_annotation", "spot_coordinates", "count_matrix", "histology_image"]
    table = [["type", "patient", "replicate", *columns], *rows]
    return {"metadata.csv": "".join(",".join(row) + "\n" for row in table).encode(), **files}


def listing_path(dataset: str, version: int) -> str:
    return f"/public-api/datasets/{dataset}/files?folder_id=root&version={version}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        remote, span = self.server, self.headers.get("Range", "")
        remote.requests.append((self.path, span))
        remote.passwords.append(self.headers["Authorization"])
        self.serve(remote.files.get(self.path), span)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append((self.path, body))
        self.serve(self.server.reply(self.path, body), "")

    def serve(self, content, span):
        remote = self.server
        fault = remote.faults[self.path].pop(0) if remote.faults[self.path] else ""
        headers = {}
        if content is None:
            fault = 404
        if isinstance(fault, int):
            known = {301: {"Location": remote.moved}, 503: {"Retry-After": "7"}}
            self.answer(fault, b"no", known.get(fault))
        elif fault == "error":
            self.answer(200, b'{"message": "Internal server error"}')
        elif span and fault != "no_range":
            start = int(span.removeprefix("bytes=").removesuffix("-")) + (fault == "elsewhere")
            end = start + 10 if fault == "less" else len(content)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
            self.answer(206, content[start:end], headers, fault)
        else:
            if fault == "corrupt":
                content = content[::-1]
            if fault == "gzip":
                headers["Content-Encoding"] = "gzip"
            self.answer(200, content, headers, fault)

    def answer(self, status, body, headers=None, fault=""):
        self.send_response_only(status)
        if fault == "header":
            self.flush_headers()
            self.close_connection = True
            with suppress(OSError):
                while True:
                    self.wfile.write(b"X")
                    time.sleep(0.02)
        stated = 10**13 if fault == "announced" else len(body)
        length = {} if fault == "endless" else {"Content-Length": str(stated)}
        for name, value in {**length, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        half = len(body) // 2
        if fault in ("endless", "drip"):
            self.close_connection = True
            with suppress(OSError):
                for number in range(10**6):
                    at = number % len(body)
                    self.wfile.write(body if fault == "endless" else body[at : at + 1])
                    time.sleep(0 if fault == "endless" else 0.005)
            return
        if fault in ("reset", "cut", "stall"):
            self.wfile.write(body[:half])
            self.close_connection = True
            # Longer than the stalled test's time-out; otherwise for the first half to be read.
            time.sleep(0.4 if fault == "stall" else 0.03)
            if fault == "reset":
                never_linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, never_linger)
                self.connection.close()
            elif fault == "stall":
                self.wfile.write(body[half:])
        else:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass
