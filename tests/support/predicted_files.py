"""Predictions of sections and slides, as the jobs write them, with what is hard to export."""

import anndata as ad
import numpy as np
import pandas as pd

from stnet.core.h5ad import write_h5ad

UM_PER_PX = 0.5
# As read; the first two are of one symbol.
SYMBOLS = ["HLA-A/B", "HLA-A/B", "<b>&\"β'", "", "A,B;C", "bell\a"]
LABELS = [
    "HLA-A/B (E0)",
    "HLA-A/B (E1)",
    "<b>&\"β'",
    "E3",
    "A,B;C",
    "bell\N{REPLACEMENT CHARACTER}",
]


def _table(places, name, seed):
    rng = np.random.default_rng(seed)
    ids = [f"E{number}" for number in range(len(SYMBOLS))]
    # The first varies least, the last most.
    values = rng.normal(-5, 2.0 ** np.arange(len(ids)), (len(places), len(ids)))
    return ad.AnnData(
        values.astype(np.float32),
        obs=pd.DataFrame(
            {
                "patient": pd.Categorical(["P"] * len(places)),
                "section": pd.Categorical([name] * len(places)),
            },
            index=[f"{name}:{number}" for number in range(len(places))],
        ),
        var=pd.DataFrame({"symbol": SYMBOLS, "ensembl": ids}, index=ids),
        obsm={"spatial": np.asarray(places, dtype=float)},
        uns={"provenance": {"transform": "log_fraction", "experiment": "e"}},
    )


def _picture(width, height):
    noise = np.random.default_rng(5).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return {"hires": noise}


def held_out(path, *, labels=True, image=True):
    """Two sections, S1 and S2, of a held-out group; spots of 20 px, an image of 400 x 300 px.

    One spot has no prediction, and a gene is not measured. Returns the path.
    """
    parts = []
    for seed, name in enumerate(("S1", "S2")):
        places = [(30 + 40.5 * column, 25 + 40 * row) for row in range(6) for column in range(8)]
        part = _table(places, name, seed)
        part.layers["observed"] = part.X + np.float32(0.25)
        part.layers["observed"][:, 1] = np.nan
        part.X[3] = np.nan
        # What half-widths are made of is not exported.
        part.layers["recoloured"] = part.X + 1
        parts.append(part)
    table = ad.concat(parts, merge="same", uns_merge="same")
    label = pd.Series(["tumour", "normal", None] * 32, index=table.obs_names)
    table.obs["label"] = pd.Categorical(
        label if labels else [None] * len(label), categories=["tumour", "normal"]
    )
    scale = {"tissue_hires_scalef": 0.25} if image else {}
    table.uns["spatial"] = {
        name: {
            "images": _picture(100, 75) if image else {},
            "scalefactors": {"spot_diameter_fullres": 20.0, **scale},
            "metadata": {"um_per_px": UM_PER_PX, "source_image_path": ""},
        }
        for name in ("S1", "S2")
    }
    write_h5ad(table, path)
    return path


def slide(path, *, side):
    """A slide W of `side` x `side` tiles of 64 px, every tenth abstained from; none is too dark.

    Returns the path.
    """
    grid = [(64 * x, 64 * y) for y in range(side) for x in range(side)]
    corners = np.array(grid, dtype=float).reshape(-1, 2)
    table = _table(corners + 32, "W", 7)
    table.obs = table.obs.assign(x=corners[:, 0], y=corners[:, 1], size=64, tissue=0.9)
    scores = np.where(np.arange(len(corners)) % 10 == 0, 1.2, 0.7).astype(np.float32)
    table.obs["abstained"], table.obs["ood_score"] = scores > 1, scores
    for name, away in (("lower", -1), ("upper", 1)):
        bound = table.X + np.float32(away)
        bound[table.obs["abstained"].to_numpy()] = np.nan
        table.layers[name] = bound
    table.var["consistent"] = [True, True] + [False] * (len(SYMBOLS) - 2)
    table.uns |= {
        "slide": {"slide": "W", "um_per_px": UM_PER_PX, "width": 64 * side, "height": 64 * side},
        "tiling": {"step": 64},
        "refused": "" if side else "too dark",
        "spatial": {
            "W": {
                "images": _picture(50, 50),
                "scalefactors": {
                    "spot_diameter_fullres": 64.0,
                    "tissue_hires_scalef": 50 / (64 * max(side, 1)),
                },
                "metadata": {"source_image_path": "W.svs"},
            }
        },
    }
    write_h5ad(table, path)
    return path
