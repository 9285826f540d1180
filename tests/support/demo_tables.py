"""Reading a finished demo's tables."""

import pandas as pd

MAIN, LABEL = "densenet-small", "demo-label"


def read(folder, name):
    return pd.read_csv(folder / "results/demo" / name, sep="\t")


def ahead(found, others):
    """Chance that one of `found` is above one of `others`, ties half: an AUROC."""
    pairs = [(f > o) + 0.5 * (f == o) for f in found for o in others]
    return sum(pairs) / len(pairs)


def quantities(demo, name):
    return read(demo, name).set_index("quantity")["value"]
