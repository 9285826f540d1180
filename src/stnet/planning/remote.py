"""Hosts that downloads need, and weights: there, or to be had (ours)."""

import csv
import math
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants, get_token

from stnet.config.configuration import Configuration
from stnet.config.names import IMAGENET, RANDOM
from stnet.core.errors import InputError
from stnet.networks.imagenet import imagenet_weights
from stnet.networks.tensors import read_tensors
from stnet.planning.machine import MISSING, OK, WARNING, Finding
from stnet.sources.http import FAILURES, Client, network_reason
from stnet.sources.lock import read_lock

# To wait for all hosts, in seconds.
PATIENCE = 8.0
# The key of `hosts` that a rule downloads from. Weights have hosts of their own.
HOSTS = {
    **dict.fromkeys(["download_listing", "download_section"], "mendeley"),
    **dict.fromkeys(["download_expression", "predict_slide", "tcga_sheet"], "gdc"),
    "download_visium": "tenx",
    "download_gene_sets": "reactome",
    "download_gene_table": "hgnc",
}
GRANTED = range(200, 400)


def check_hosts(configuration: Configuration, pending: Mapping[str, str]) -> Iterator[Finding]:
    """Ask each host that a pending job downloads from for one byte, all at once.

    Where a mirror is configured, look for its folder instead.
    """
    hosts, urls, mirrors = configuration.resolved["hosts"], {}, set()
    for path, rule in pending.items():
        if rule in HOSTS:
            rows = configuration.resolved["external" if HOSTS[rule] == "gdc" else "cohorts"]
            keys = next((rows[part] for part in Path(path).parts if part in rows), {})
            if keys.get("mirror") and rule != "download_listing":
                mirrors.add(keys["mirror"])
            elif keys.get("source") != "simulated":
                urls[hosts[HOSTS[rule]]] = f"hosts.{HOSTS[rule]}"
        elif rule == "download_timm_weights":
            urls[constants.ENDPOINT] = "HF_ENDPOINT"
        elif rule == "download_weights":
            architecture = Path(path).stem.removeprefix("imagenet-")
            urls[imagenet_weights(architecture).url] = "architecture"
    for folder in sorted(mirrors):
        if not Path(folder).is_dir():
            yield Finding("mirror", MISSING, f"no folder {folder}", "correct or remove the key")
    answered, silent = [], {}
    for url, (status, reason) in answers(urls).items():
        host, is_file = urlsplit(url).netloc, bool(Path(urlsplit(url).path).suffix)
        # A host may have no first page, but an address of a file must be there.
        if is_file and status in range(400, 500):
            yield Finding("hosts", MISSING, f"{url} answers {status}", f"correct {urls[url]}")
        elif status >= 500:
            yield Finding("hosts", WARNING, f"{host} answers {status}", "it may be busy: ask later")
        elif status:
            answered.append(host)
        else:
            silent[host] = reason
    if silent:
        found = f"no answer from {', '.join(silent)} ({next(iter(silent.values()))})"
        remedy = "check network, proxy and hosts, or use a mirror (docs/running.md)"
        yield Finding("hosts", MISSING, found, remedy)
    if answered or not urls:
        found = f"answer: {', '.join(answered)}" if answered else "none is needed"
        yield Finding("hosts", OK, found)


def check_weights(configuration: Configuration) -> Iterator[Finding]:
    """Files of weights that reported experiments name: there, and as they were written.

    Of files on Hugging Face that are not there, ask whether they may be downloaded. The token is
    that of `hf auth login`, and never shown.
    """
    rows, shown = configuration.resolved, configuration.shown_experiments
    names = [each for cohort in rows["report"] for each in shown(cohort, supplement=True)]
    used = [rows["experiments"][each] for each in names]
    used += [rows["features"][each["features"]] for each in used if each.get("features")]
    named = {each["weights"]: each.get("model_card") for each in used if each.get("weights")}
    absent = {}
    for path, card in named.items():
        if path in (IMAGENET, RANDOM):
            continue
        if Path(path).is_file():
            yield _as_written(path)
        elif card:
            absent[f"{constants.ENDPOINT}/{card}/resolve/main/{Path(path).name}"] = (path, card)
        else:
            yield Finding("weights", MISSING, f"no {path}", "put them there, or correct the path")
    token = get_token() if absent else None
    said = answers(absent, {"Authorization": f"Bearer {token}"} if token else {})
    for url, (status, reason) in said.items():
        path, card = absent[url]
        get = f"hf download {card} {Path(path).name} --local-dir {Path(path).parent}"
        terms = f"accept the terms on huggingface.co/{card}"
        if status in GRANTED:
            found, remedy = f"access to {card} is given", get
        elif status == 401 and token:
            found, remedy = f"{card} refuses your token", f"hf auth login; {get}"
        elif status == 401:
            found, remedy = f"{card} asks who you are: no token", f"{terms}; hf auth login; {get}"
        elif status == 403:
            found, remedy = f"your token has no access to {card}", f"{terms}; later: {get}"
        elif status == 404:
            found, remedy = f"{card} has no such file", "correct the path"
        else:
            found = f"{urlsplit(url).netloc} does not tell ({reason or status})"
            remedy = f"where there is a network: {get}"
        yield Finding("weights", MISSING, f"no {path}; {found}", remedy)


def download_bytes(
    configuration: Configuration, pending: Mapping[str, str], slides: int
) -> dict[str, float]:
    """Bytes that pending jobs download, by folder; NaN where no listing or lock file has them.

    Of whole slides, the largest `slides` are on the disk at the same time.
    """
    found = {}
    for path, rule in pending.items():
        folder = "/".join(Path(path).parts[:2])
        if rule == "download_section":
            found[folder] = math.nan
            if Path(f"{folder}/listing.tsv").is_file():
                with open(f"{folder}/listing.tsv", newline="", encoding="utf-8") as file:
                    rows = csv.DictReader(file, delimiter="\t")
                    found[folder] = sum(int(row["size"]) for row in rows)
        elif rule == "download_visium":
            files = read_lock(f"config/cohorts/{Path(folder).name}.lock.tsv").values()
            found[folder] = sum(each.size for each in files) or math.nan
        elif rule == "predict_slide":
            source = Path(path).parts[3]
            sizes = [int(row["size"] or 0) for row in configuration.slides(source)]
            found[f"resources/{source}"] = sum(sorted(sizes)[-slides:])
    return found


def answers(
    urls: Iterable[str], headers: Mapping[str, str] | None = None
) -> dict[str, tuple[int, str]]:
    """Status of each address, asked at the same time; 0 and the reason if there is no answer.

    At most one byte is asked for, and no body is read. Proxies are those of the environment.
    """
    found = dict.fromkeys(urls, (0, f"within {PATIENCE:g} s"))

    def ask(url: str) -> None:
        try:
            with (
                Client() as client,
                client.get(
                    url,
                    headers={"Range": "bytes=0-0", **(headers or {})},
                    timeout=PATIENCE,
                    # A token is for the host itself.
                    allow_redirects=not headers,
                    stream=True,
                ) as response,
            ):
                found[url] = (response.status_code, "")
        except (*FAILURES, ValueError, InputError) as failure:
            # Without the address, which is told beside it.
            reason = re.sub(r"^HTTPS?Connection\(.*?\): ", "", network_reason(failure))
            found[url] = (0, reason)

    # A host that sends a byte now and then must not keep the process.
    threads = [threading.Thread(target=ask, args=[url], daemon=True) for url in found]
    end = time.monotonic() + PATIENCE
    for each in threads:
        each.start()
    for each in threads:
        each.join(max(0.0, end - time.monotonic()))
    return dict(found)


def _as_written(path: str) -> Finding:
    """Compare a file of weights with its checksum, if it has one."""
    try:
        if path.endswith(".safetensors"):
            read_tensors(path)
    except InputError as error:
        return Finding("weights", MISSING, str(error))
    return Finding("weights", OK, f"{path} is there")
