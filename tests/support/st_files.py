"""A small section in each of the ST formats, whose files can be altered before they are written."""

import gzip
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stnet.cohorts.section import write_section
from stnet.core.errors import InputError

GENES = ["ENSG00000000003", "ENSG00000000005.2", "__ambiguous[ENSG01+ENSG02]", "GAPDH"]
COLUMNS, ROWS, PITCH, ORIGIN = 6, 8, 40, 30
WIDTH, HEIGHT = 270, 350
CLASSES = {"tumour": ["tumor"], "normal": ["non"]}
DROPS = [
    *["patient", "section", "positions", "counts", "no_position", "unselected", "no_counts"],
    *["off_image", "no_label", "kept", "near_edge", "used"],
]


def content():
    """A section of 6 x 8 spots on an image: what each format's files say of it."""
    rng = np.random.default_rng(5)
    x, y = (axis.ravel() for axis in np.meshgrid(range(2, 2 + COLUMNS), range(3, 3 + ROWS)))
    spots = pd.DataFrame({"x": x, "y": y})
    # Halves and fractions: rounding must be the nearest integer.
    spots["pixel_x"] = ORIGIN + PITCH * (x - 2) + rng.choice([0.0, 0.5, -0.4, 0.25], len(x))
    spots["pixel_y"] = ORIGIN + PITCH * (y - 3) + rng.choice([0.0, 1.5, -0.4, 0.25], len(x))
    spots.index = [f"{a}x{b}" for a, b in zip(x, y, strict=True)]
    names = [*spots.index, "30x1", "31x1"]
    counts = pd.DataFrame(rng.poisson(3, (len(names), len(GENES))) + 1, names, GENES)
    words = pd.Series(rng.choice(["tumor", "non"], len(x)), spots.index)
    return spots, counts.sample(frac=1, random_state=1), words


class Section:
    """Files of one section in a folder; each part can be altered before `write`."""

    def __init__(self, folder: Path, layout: str = "st-v5"):
        self.folder, self.layout = folder, layout
        self.spots, self.counts, self.words = content()
        self.size = (WIDTH, HEIGHT)
        self.row = {"patient": "P-1", "section": "P-1_C1", "format": layout, "grid": "square"}
        self.row |= {"um_per_px": "", "pixel_scale": ""}
        names = {
            "st-v5": ["HE.jpg", "BC_stdata.tsv.gz", "spots_BT.csv.gz", "BC_Coords.tsv.gz"],
            "st-original": ["P_C1.jpg", "P_C1.tsv.gz", "P_C1.spots.txt", "P_C1_Coords.tsv"],
            "her2st": ["HE.jpg", "A1.tsv.gz", "A1_selection.tsv", "A1_labeled.tsv"],
        }[layout]
        for column, name in zip(["image", "counts", "spots", "labels"], names, strict=True):
            self.row[column] = str(folder / name)

    def put(self, column: str, text: str) -> None:
        path = Path(self.row[column])
        data = text.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)

    def files(self) -> "Section":
        self.folder.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", self.size, "white")
        # A tenth is glass.
        image.paste((190, 140, 170), (0, 0, self.size[0] * 9 // 10, self.size[1]))
        image.save(self.row["image"])
        self.put("counts", self.counts.to_csv(sep="\t"))
        if self.layout == "st-v5":
            pixels = self.spots[["pixel_x", "pixel_y"]].set_axis(["X", "Y"], axis=1)
            self.put("spots", pixels.to_csv())
        else:
            self.put("spots", self.spots.to_csv(sep="\t", index=False))
        self.put("labels", self.labels())
        return self

    def labels(self) -> str:
        if self.layout == "her2st":
            lines = ["Row.names\tx\ty\tpixel_x\tpixel_y\tlabel"]
            for spot, word in self.words.items():
                x, y = map(int, spot.split("x"))
                lines.append(f"n\t{x + 0.2}\t{y - 0.3}\t1\t1\t{word}")
            return "\n".join(lines)
        lines = ["C1_x_y\tx\ty\tlabel"]
        for number, (spot, word) in enumerate(self.words.items()):
            x, y = map(int, spot.split("x"))
            shift = 0.4 if number % 5 == 0 else 0
            lines.append(f"C1_{x}_{y}\t{x + shift:g}\t{y - shift:g}\tL1\t{word}")
        return "\r".join([*lines, ""])

    def write(self, **options) -> tuple[ad.AnnData, dict]:
        out, drops = self.folder / "out/s.h5ad", self.folder / "out/s.drops.tsv"
        options = {
            **{"label_classes": CLASSES, "require_label": True, "spot_window": 80},
            **{"spot_pitch_um": 200, "genes": None, **options},
        }
        write_section(self.row, out, drops, **options)
        table = pd.read_csv(drops, sep="\t")
        assert table.shape[0] == 1
        assert list(table.columns) == DROPS
        return ad.read_h5ad(out), table.iloc[0].to_dict()

    def refused(self, **options) -> str:
        """The error's line, once it is known that nothing was written."""
        with pytest.raises(InputError) as caught:
            self.write(**options)
        assert "\n" not in str(caught.value)
        assert list(self.folder.glob("out/*")) == []
        assert list(self.folder.glob("out/.*")) == []
        return str(caught.value)
