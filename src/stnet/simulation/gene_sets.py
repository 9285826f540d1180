"""Simulated pathways: gene sets with over-represented planted genes, and unrelated ones."""

from pathlib import Path

import numpy as np

from stnet.core.checksums import recorded_path
from stnet.simulation.counts import simulate_genes
from stnet.simulation.fields import stream

# Field of the planted genes in the pathways of each name.
PATHWAYS = {"CANCER": "tumour", "DRUG": "stroma", "IMMUNE": "immune"}
EACH, UNRELATED = 2, 6
# Share of a field's planted genes in each of its pathways.
SHARE = 0.75
# Numbers of other genes: controls in a pathway of planted genes, planted genes and controls in an
# unrelated pathway, and low-count genes in both.
CONTROLS, UNRELATED_HIGH, MINOR = 1, 6, 20


def write_gene_sets(path: str | Path, *, seed: int) -> None:
    """Write the pathways of the simulated cohort as GMT, named as in `PATHWAYS` with a number.

    There are two for each field of the tissue, with three quarters of the genes that follow it, one
    control and low-count genes. Six unrelated ones are drawn from planted genes, controls and
    low-count genes. Source: ours.
    """
    genes = simulate_genes(seed)
    genes = genes[genes["symbol"] != ""]
    rng = stream(seed, "gene sets")
    is_minor = genes["symbol"].str.startswith("MINOR")
    minor, high = genes[is_minor]["symbol"], genes[~is_minor]
    controls = high[high["planted"] == 0]["symbol"]

    def drawn(symbols, count: int) -> list[str]:
        return rng.choice(symbols.to_numpy(dtype=str), count, replace=False).tolist()

    sets: dict[str, list[str]] = {}
    for name, field in PATHWAYS.items():
        following = high[high[field] != 0]["symbol"]
        for number in range(1, EACH + 1):
            own = drawn(following, int(np.ceil(SHARE * len(following))))
            sets[f"{name}_{number}"] = own + drawn(controls, CONTROLS)
    for number in range(1, UNRELATED + 1):
        sets[f"UNRELATED_{number}"] = drawn(high["symbol"], UNRELATED_HIGH)
    lines = [
        "\t".join([name, f"S-{number}", *sorted(members + drawn(minor, MINOR))])
        for number, (name, members) in enumerate(sets.items(), start=1)
    ]
    with recorded_path(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
