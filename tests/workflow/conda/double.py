"""Stands for `conda`, so that the tests need no network: answers what Snakemake asks, and creates
environments by a real solve and installation (py-rattler) from one local channel.

Called as `double.py HOME CHANNEL [conda's arguments]`.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import rattler
import yaml


async def create(specification: str, prefix: str, home: Path, channel: str) -> None:
    """Solve an environment file against `channel` alone, whatever it names, and install it."""
    specs = yaml.safe_load(Path(specification).read_text())["dependencies"]
    records = await rattler.solve(
        [rattler.Channel(f"file://{channel}")],
        specs,
        gateway=rattler.Gateway(cache_dir=home / "repodata"),
        platforms=["linux-64", "noarch"],
        virtual_packages=[v.into_generic() for v in rattler.VirtualPackage.detect()],
    )
    await rattler.install(records, prefix, cache_dir=home / "packages", show_progress=False)


def main(home: str, channel: str, *arguments: str) -> None:
    match arguments:
        case ["--version"]:
            print("conda 25.1.0")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": home, "platform": "linux-64"}))
        case ["config", "--get", *_]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass
        case ["env", "create", *options]:
            parser = argparse.ArgumentParser()
            parser.add_argument("--file", required=True)
            parser.add_argument("--prefix", required=True)
            known, _ = parser.parse_known_args(options)
            asyncio.run(create(known.file, known.prefix, Path(home), channel))
        case _:
            sys.exit(f"conda's test double does not know {arguments}")


main(*sys.argv[1:])
sys.stdout.flush()
os._exit(0)  # py-rattler's threads may crash an interpreter that ends in order
