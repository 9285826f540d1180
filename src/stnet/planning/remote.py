"""Hosts that downloads need, and weights: there, or to be had (ours)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants, get_token

from stnet.config.configuration import Configuration
from stnet.config.names import IMAGENET, RANDOM
from stnet.core.errors import InputError
from stnet.planning.finding import MISSING, OK, Finding
from stnet.sources.http import FAILURES, Client, network_reason
from stnet.sources.mirror import check_mirror

# Seconds to connect to one of a host's addresses, and to wait for its answer.
PATIENCE = (3.0, 8.0)
# What a rule downloads from: a key of `hosts`, or an address.
HOSTS = {
    **dict.fromkeys(["download_listing", "download_section"], "mendeley"),
    **dict.fromkeys(["download_expression", "predict_slide", "tcga_sheet"], "gdc"),
    "download_visium": "tenx",
    "download_gene_sets": "reactome",
    "download_gene_table": "hgnc",
    "download_weights": "https://download.pytorch.org",
    "download_timm_weights": constants.ENDPOINT,
}
# What Hugging Face says by its status.
REFUSED = {
    401: "asks who you are: no token, or an unknown one",
    403: "gives this token no access",
    404: "has no such file: correct the path",
}


def check_hosts(configuration: Configuration, pending: Mapping[str, str]) -> Iterator[Finding]:
    """Ask each host that a pending job downloads from, unless there is a mirror, all at once."""
    hosts, urls, mirrors = configuration.resolved["hosts"], set(), set()
    for path, rule in pending.items():
        host = HOSTS.get(rule)
        rows = configuration.resolved["external" if host == "gdc" else "cohorts"]
        keys = next((rows[part] for part in Path(path).parts if part in rows), {})
        if not host or keys.get("source") == "simulated":
            continue
        mirror = keys.get("mirror")
        mirrors |= {mirror} - {None}
        # A mirror has the listing, too, if its owner kept it.
        if mirror is None or rule == "download_listing":
            urls.add(hosts.get(host, host))
    for mirror in sorted(mirrors):
        try:
            check_mirror(mirror)
        except InputError as error:
            yield Finding("mirror", MISSING, str(error))
    said = answers(urls)
    # Many have no first page.
    answer = [urlsplit(url).netloc for url, (status, _) in said.items() if 0 < status < 500]
    if answer or not urls:
        yield Finding("hosts", OK, f"answer: {', '.join(answer)}" if urls else "none is needed")
    for url, (status, reason) in said.items():
        if not 0 < status < 500:
            found = f"{urlsplit(url).netloc} does not answer ({status or reason})"
            remedy = "check network, proxy and hosts, or use a mirror (docs/running.md)"
            yield Finding("hosts", MISSING, found, remedy)


def check_weights(configuration: Configuration) -> Iterator[Finding]:
    """Files of weights that reported experiments name, and the licence and access of encoders.

    The token is that of `hf auth login`, and never shown.
    """
    rows, shown = configuration.resolved, configuration.shown_experiments
    names = [each for cohort in rows["report"] for each in shown(cohort, supplement=True)]
    used = [rows["experiments"][each] for each in names]
    used += [rows["features"][each["features"]] for each in used if each.get("features")]
    cards = {each["weights"]: each.get("model_card") for each in used if each.get("weights")}
    # These are downloaded or made by a job.
    cards = {path: card for path, card in cards.items() if path not in (IMAGENET, RANDOM)}
    absent = {path: card for path, card in cards.items() if not Path(path).is_file()}
    url_of = {
        path: f"{constants.ENDPOINT}/{card}/resolve/main/{Path(path).name}"
        for path, card in absent.items()
        if card
    }
    token = get_token() if url_of else None
    said = answers(url_of.values(), token)
    for path, card in cards.items():
        licence = f"licence: huggingface.co/{card}"
        if path not in absent:
            yield Finding("weights", OK, f"{path} is there" + f"; {licence}" * bool(card))
        elif card:
            status, reason = said[url_of[path]]
            access = REFUSED.get(status, f"does not answer ({reason or status})")
            access = "gives access" if 200 <= status < 400 else access
            found = f"no {path}; {urlsplit(url_of[path]).netloc} {access}; {licence}"
            get = f"hf download {card} {Path(path).name} --local-dir {Path(path).parent}"
            remedy = f"accept the licence there; hf auth login; {get}"
            yield Finding("weights", MISSING, found, remedy)
        else:
            yield Finding("weights", MISSING, f"no {path}", "put them there, or correct the path")


def answers(urls: Iterable[str], token: str | None = None) -> dict[str, tuple[int, str]]:
    """Status of each address, asked at the same time; 0 and the reason if there is no answer.

    At most one byte is asked for, and no body is read. Proxies are those of the environment.
    """
    headers = {"Range": "bytes=0-0"} | ({"Authorization": f"Bearer {token}"} if token else {})
    # A token is for the host itself.
    keys = {"headers": headers, "timeout": PATIENCE, "allow_redirects": not token, "stream": True}

    def ask(url: str) -> tuple[int, str]:
        try:
            with Client() as client, client.get(url, **keys) as response:
                return response.status_code, ""
        except (*FAILURES, ValueError, InputError) as failure:
            # Without the address, which is told beside it.
            return 0, re.sub(r"^HTTPS?Connection\(.*?\): ", "", network_reason(failure))

    urls = sorted(urls)
    with ThreadPoolExecutor(len(urls) or 1) as pool:
        return dict(zip(urls, pool.map(ask, urls), strict=True))
