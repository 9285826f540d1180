"""Hosts that downloads need, and weights: there, or to be had (ours)."""

import csv
import math
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from stnet.config.configuration import Configuration
from stnet.config.names import IMAGENET, RANDOM
from stnet.core.errors import InputError
from stnet.planning.machine import MISSING, OK, WARNING, Finding
from stnet.sources import http
from stnet.sources.lock import read_lock

# To wait for a host, in all.
SECONDS = 8.0
# The key of `hosts` that a rule downloads from. Weights have hosts of their own.
HOSTS = {
    **dict.fromkeys(["download_listing", "download_section"], "mendeley"),
    **dict.fromkeys(["download_expression", "predict_slide", "tcga_sheet"], "gdc"),
    "download_visium": "tenx",
    "download_gene_sets": "reactome",
    "download_gene_table": "hgnc",
}
HUB = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
ANSWERED = range(200, 400)


def check_hosts(configuration: Configuration, pending: Mapping[str, str]) -> Iterator[Finding]:
    """Ask each host that a pending job downloads from for one byte, all at once.

    Where a mirror is configured, look for its folder instead.
    """
    hosts, urls, mirrors = configuration.resolved["hosts"], {}, set()
    for path, rule in pending.items():
        name = Path(path).stem
        if rule in HOSTS:
            rows = configuration.resolved["external" if HOSTS[rule] == "gdc" else "cohorts"]
            keys = next((rows[part] for part in Path(path).parts if part in rows), {})
            if keys.get("mirror") and rule != "download_listing":
                mirrors.add(keys["mirror"])
            elif keys.get("source") != "simulated":
                urls[hosts[HOSTS[rule]]] = HOSTS[rule]
        elif rule == "download_timm_weights":
            urls[HUB] = "weights"
        elif rule == "download_weights":
            # It takes seconds to import.
            from stnet.networks.imagenet import imagenet_weights

            urls[imagenet_weights(name.removeprefix("imagenet-")).url] = "weights"
    for folder in sorted(mirrors):
        if Path(folder).is_dir():
            yield Finding("mirror", OK, f"{folder} is there; what it lacks is downloaded")
        else:
            yield Finding("mirror", MISSING, f"no folder {folder}", "correct it or remove the key")
    for url, (status, reason) in answers(urls).items():
        yield _host(url, urls[url], status, reason)
    if not (urls or mirrors):
        yield Finding("hosts", OK, "nothing is left to download")


def _host(url: str, key: str, status: int, reason: str) -> Finding:
    host = f"{urlsplit(url).netloc} ({key})"
    # Only addresses of files must be found: a host may have no first page.
    lost = bool(Path(urlsplit(url).path).suffix) and status in range(400, 500)
    if not status:
        remedy = "check network, proxy and `hosts`, or use a mirror (docs/running.md)"
        return Finding("host", MISSING, f"{host}: {reason}", remedy)
    if lost:
        return Finding("host", MISSING, f"{host}: answers {status}", "correct the address in hosts")
    if status >= 500:
        return Finding("host", WARNING, f"{host}: answers {status}", "it may be busy: ask later")
    return Finding("host", OK, f"{host} answers")


def check_weights(configuration: Configuration) -> Iterator[Finding]:
    """Files of weights that rows of reported experiments name: there, and as they were written.

    Of weights on Hugging Face that are not there, ask whether they may be downloaded. The token is
    that of `hf auth login`, and never shown.
    """
    cards = _named_weights(configuration)
    absent = {path: card for path, card in cards.items() if not Path(path).is_file()}
    for path in cards.keys() - absent.keys():
        yield _there(path)
    urls = {
        f"{HUB}/{card}/resolve/main/{Path(path).name}": path
        for path, card in absent.items()
        if card
    }
    token = _token() if urls else None
    said = answers(urls, {"Authorization": f"Bearer {token}"} if token else {}, "HEAD")
    for url, (status, reason) in said.items():
        path, card = urls[url], absent[urls[url]]
        get = f"hf download {card} {Path(path).name} --local-dir {Path(path).parent}"
        page = f"huggingface.co/{card}"
        if not status:
            found, remedy = f"{HUB} cannot be asked: {reason}", f"where there is a network: {get}"
        elif status in ANSWERED:
            found, remedy = f"access to {card} is given", get
        elif status == 404:
            found, remedy = f"{card} has no {Path(path).name}", f"correct the path, by {page}"
        elif status == 401 and not token:
            found = f"{card} asks for a login, and there is no token"
            remedy = f"accept the terms on {page}, then: hf auth login; {get}"
        elif status == 401:
            found, remedy = f"{card} refuses your token", f"hf auth login; then: {get}"
        elif status == 403:
            found = f"your token has no access to {card}"
            remedy = f"accept the terms on {page}, wait until it is given, then: {get}"
        else:
            found, remedy = f"{HUB} answers {status}", f"try later: {get}"
        yield Finding("weights", MISSING, f"no {path}; {found}", remedy)
    for path, card in absent.items():
        if not card:
            yield Finding("weights", MISSING, f"no {path}", "correct the path, or put them there")


def download_bytes(
    configuration: Configuration, pending: Mapping[str, str], at_once: int
) -> dict[str, float]:
    """Bytes that pending jobs download, by folder; NaN where no listing or lock file has them.

    Of slides, the largest `at_once` are on the disk at the same time.
    """
    found = {}
    for path, rule in pending.items():
        folder = "/".join(Path(path).parts[:2])
        if rule == "download_section":
            found[folder] = _listed(f"{folder}/listing.tsv")
        elif rule == "download_visium":
            files = read_lock(f"config/cohorts/{Path(folder).name}.lock.tsv").values()
            found[folder] = sum(each.size for each in files) or math.nan
        elif rule == "predict_slide":
            source = Path(path).parts[3]
            sizes = [int(row["size"] or 0) for row in configuration.slides(source)]
            found[f"resources/{source}"] = sum(sorted(sizes)[-at_once:])
    return found


def _listed(path: str) -> float:
    """Bytes of all files of a listing of Mendeley Data; NaN if there is none yet."""
    if not Path(path).is_file():
        return math.nan
    with open(path, newline="", encoding="utf-8") as file:
        return sum(int(row["size"]) for row in csv.DictReader(file, delimiter="\t"))


def answers(
    urls: Iterable[str], headers: Mapping[str, str] | None = None, method: str = "GET"
) -> dict[str, tuple[int, str]]:
    """Status of each address, asked at the same time; 0 and the reason if there is no answer.

    At most one byte is asked for, and no body is read. Proxies are those of the environment.
    """
    found = {url: (0, f"no answer within {SECONDS:.0f} s") for url in urls}

    def ask(url: str) -> None:
        try:
            with (
                http.Client() as client,
                client.request(
                    method,
                    url,
                    headers={"Range": "bytes=0-0", **(headers or {})},
                    timeout=SECONDS,
                    # A token is for the host itself.
                    allow_redirects=not headers,
                    stream=True,
                ) as response,
            ):
                found[url] = (response.status_code, "")
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as failure:
            found[url] = (0, http.network_reason(failure))
        except InputError as failure:
            found[url] = (0, str(failure))

    # A thread whose host sends a byte now and then must not keep the process.
    threads = [threading.Thread(target=ask, args=[url], daemon=True) for url in found]
    for each in threads:
        each.start()
    end = time.monotonic() + SECONDS
    for each in threads:
        each.join(max(0.0, end - time.monotonic()))
    return dict(found)


def _named_weights(configuration: Configuration) -> dict[str, str | None]:
    """Files of weights that experiments and their features name, and their repository if known."""
    rows = configuration.resolved
    used = list(rows["experiments"].values())
    used += [rows["features"][each["features"]] for each in used if each.get("features")]
    return {
        each["weights"]: each.get("model_card")
        for each in used
        if each.get("weights") not in (None, IMAGENET, RANDOM)
    }


def _there(path: str) -> Finding:
    """Compare a file of weights with its checksum, if it has one."""
    if Path(path).suffix != ".safetensors":
        return Finding("weights", OK, f"{path} is there (it has no checksum to compare)")
    from stnet.networks.tensors import read_tensors

    try:
        read_tensors(path)
    except InputError as error:
        return Finding("weights", MISSING, str(error))
    return Finding("weights", OK, f"{path} is there, and whole")


def _token() -> str | None:
    try:
        from huggingface_hub import get_token
    except ImportError:
        return os.environ.get("HF_TOKEN")
    return get_token()
