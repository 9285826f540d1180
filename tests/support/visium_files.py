"""A small Visium section, whose files can be altered before they are written."""

import json
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from stnet.cohorts.section import write_section
from stnet.cohorts.visium import POSITION_COLUMNS
from stnet.core.errors import InputError

ROWS, PLACES, PITCH, ORIGIN = 12, 9, 40.0, 60.0
SIDE = 460
GENES = pd.DataFrame(
    {
        "id": [
            "ENSG00000000003",
            "ENSG00000000005.2",
            "ENSG00000000419",
            "ENSG07",
            "ENSG08",
            "GFP",
        ],
        "name": ["OLD1", "TNMD", "DPM1", "TWIN", "TWIN", "GFP"],
    }
)


def hexagonal() -> pd.DataFrame:
    """All spots of an array, indexed by barcode; the tissue is its upper left."""
    row, place = (axis.ravel() for axis in np.mgrid[:ROWS, :PLACES])
    column = 2 * place + row % 2
    spots = pd.DataFrame({"array_row": row, "array_col": column})
    spots["pxl_row_in_fullres"] = np.rint(ORIGIN + row * PITCH * np.sqrt(0.75)).astype(int)
    spots["pxl_col_in_fullres"] = np.rint(ORIGIN + column * PITCH / 2).astype(int)
    in_tissue = (spots["pxl_row_in_fullres"] < 230) & (spots["pxl_col_in_fullres"] < 350)
    spots.insert(0, "in_tissue", in_tissue.astype(int))
    letters = np.random.default_rng(3).choice(list("ACGT"), (len(spots), 16))
    spots.index = [f"{''.join(barcode)}-1" for barcode in letters]
    return spots


class Visium:
    """Files of one section in a folder; each part can be altered before `files`."""

    def __init__(self, folder: Path, version: int = 2):
        self.folder, self.version = folder, version
        self.spots = hexagonal()
        self.size, self.tissue = (SIDE, SIDE), (0, 0, 355, 235)
        rng = np.random.default_rng(7)
        names = sorted(self.spots.index[self.spots["in_tissue"] == 1])
        self.counts = pd.DataFrame(
            rng.poisson(1.5, (len(names), len(GENES))) + 1, names, GENES["id"]
        )
        self.counts.iloc[:, 2] -= 1  # zeros, which are not stored
        self.genes = GENES.assign(feature_type="Gene Expression", genome="GRCh38")
        self.diameter = PITCH * 0.65
        self.row = {"patient": "V-1", "section": "V-1_A", "format": "visium", "grid": "hexagonal"}
        self.row |= {"um_per_px": "", "pixel_scale": "", "labels": ""}
        self.row |= {"image": str(folder / "HE.tif"), "counts": str(folder / "matrix.h5")}
        self.row["spots"] = str(folder / "spatial")

    @property
    def positions(self) -> Path:
        name = "tissue_positions.csv" if self.version == 2 else "tissue_positions_list.csv"
        return Path(self.row["spots"]) / name

    def files(self) -> "Visium":
        Path(self.row["spots"]).mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", self.size, (240, 240, 240))
        ImageDraw.Draw(image).rectangle(self.tissue, (190, 140, 170))
        image.save(self.row["image"])
        self.positions.write_text(self.table())
        scales = {"spot_diameter_fullres": self.diameter, "tissue_hires_scalef": 0.1}
        (Path(self.row["spots"]) / "scalefactors_json.json").write_text(json.dumps(scales))
        self.matrix()
        return self

    def table(self) -> str:
        table = self.spots.rename_axis("barcode").reset_index()[POSITION_COLUMNS]
        return table.to_csv(index=False, header=self.version == 2)

    def matrix(self, **changed) -> None:
        """The matrix, features x barcodes by columns, gathered value by value."""
        data, indices, indptr = [], [], [0]
        for counts in self.counts.to_numpy():
            for gene, count in enumerate(counts):
                if count:
                    data.append(count)
                    indices.append(gene)
            indptr.append(len(data))
        parts = {
            **{"data": data, "indices": indices, "indptr": indptr},
            "barcodes": self.counts.index.to_numpy(dtype="S"),
            "shape": self.counts.shape[::-1],
            **{f"features/{k}": v.to_numpy(dtype="S") for k, v in self.genes.items()},
        }
        parts |= {
            name: change(parts[name]) if callable(change) else change
            for name, change in changed.items()
        }
        with h5py.File(self.row["counts"], "w") as file:
            for name, values in parts.items():
                if values is not None:
                    file[f"matrix/{name}"] = values

    def write(self, **options) -> tuple[ad.AnnData, dict]:
        out, drops = self.folder / "out/s.h5ad", self.folder / "out/s.drops.tsv"
        options = {
            **{"label_classes": {"tumour": [], "normal": []}, "require_label": False},
            **{"spot_window": 60, "spot_pitch_um": 100, "genes": None, **options},
        }
        write_section(self.row, out, drops, **options)
        return ad.read_h5ad(out), pd.read_csv(drops, sep="\t").iloc[0].to_dict()

    def refused(self, **options) -> str:
        """The error's line, once it is known that nothing was written."""
        with pytest.raises(InputError) as caught:
            self.write(**options)
        assert "\n" not in str(caught.value)
        assert list(self.folder.glob("out/*")) == []
        return str(caught.value)
