"""A small Visium section, whose files can be altered before they are written."""

import gzip
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


def written(path: str | Path, text: str) -> Path:
    """A text file, packed if its name ends with `.gz`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


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
        self.scales = {"tissue_hires_scalef": 0.1}

    @property
    def positions(self) -> Path:
        name = "tissue_positions.csv" if self.version == 2 else "tissue_positions_list.csv"
        return self.folder / "spatial" / name

    def files(self) -> "Visium":
        self.positions.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", self.size, (240, 240, 240))
        ImageDraw.Draw(image).rectangle(self.tissue, (190, 140, 170))
        image.save(self.row["image"])
        self.positions.write_text(self.table())
        scales = {"spot_diameter_fullres": self.diameter, **self.scales}
        self.positions.with_name("scalefactors_json.json").write_text(json.dumps(scales))
        self.matrix()
        return self

    def table(self) -> str:
        table = self.spots.rename_axis("barcode").reset_index()[POSITION_COLUMNS]
        return table.to_csv(index=False, header=self.version == 2)

    def triplet(self, start: str, *, features: str = "features.tsv", end: str = "") -> list[Path]:
        """The matrix in Matrix Market format, as three files whose paths begin with `start`."""
        lines = []
        for column, counts in enumerate(self.counts.to_numpy(), 1):
            lines += [f"{gene} {column} {count}" for gene, count in enumerate(counts, 1) if count]
        size = f"{len(self.genes)} {len(self.counts)} {len(lines)}"
        banner = "%%MatrixMarket matrix coordinate integer general"
        names = self.genes.drop(columns="genome")
        if features == "genes.tsv":
            names = names[["id", "name"]]
        content = {
            "matrix.mtx": "\n".join([banner, "%", size, *lines, ""]),
            features: names.to_csv(sep="\t", header=False, index=False),
            "barcodes.tsv": "\n".join([*self.counts.index, ""]),
        }
        return [written(f"{start}{name}{end}", text) for name, text in content.items()]

    def matrix(self, of_cell_ranger_2: str = "", **changed) -> None:
        """The matrix, features x barcodes by columns, gathered value by value.

        `of_cell_ranger_2` is the genome in the layout of Cell Ranger 2.
        """
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
        if of_cell_ranger_2:
            parts["genes"], parts["gene_names"] = parts["features/id"], parts["features/name"]
            parts = {name: part for name, part in parts.items() if "/" not in name}
        with h5py.File(self.row["counts"], "w") as file:
            for name, values in parts.items():
                if values is not None:
                    file[f"{of_cell_ranger_2 or 'matrix'}/{name}"] = values

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


class VisiumHD(Visium):
    """Bins of 8 µm, of which 7 x 7 are a spot of 56 µm; the last rows and columns fill none.

    Counts are drawn for spots and dealt to their bins under tissue. The array is turned on the
    image.
    """

    SIDE, ACROSS, DOWN, REST, PX, TURN = 7, 9, 10, 4, 4.0, 0.1

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.row |= {"format": "visium-hd", "grid": "square"}
        self.size, self.tissue = (420, 460), (0, 0, 260, 330)
        rows, columns = (n * self.SIDE + self.REST for n in (self.DOWN, self.ACROSS))
        row, column = (axis.ravel() for axis in np.mgrid[:rows, :columns])
        x, y = self.place(row, column)
        self.spots = pd.DataFrame(
            {
                "in_tissue": ((x < self.tissue[2]) & (y < self.tissue[3])).astype(int),
                **{"array_row": row, "array_col": column},
                **{"pxl_row_in_fullres": y, "pxl_col_in_fullres": x},
            },
            index=[f"s_008um_{r:05d}_{c:05d}-1" for r, c in zip(row, column, strict=True)],
        )
        rng = np.random.default_rng(5)
        self.drawn, dealt = {}, {}
        for (r, c), bins in self.spots.groupby([row // self.SIDE, column // self.SIDE]):
            inside = bins.index[bins["in_tissue"] == 1]
            if len(inside):
                self.drawn[f"s_056um_{r:05d}_{c:05d}-1"] = rng.poisson(30, len(GENES))
                drawn = self.drawn[f"s_056um_{r:05d}_{c:05d}-1"]
                parts = [rng.multinomial(n, [1 / len(inside)] * len(inside)) for n in drawn]
                dealt |= dict(zip(inside, np.transpose(parts), strict=True))
        # Space Ranger's order of bins is none.
        names = rng.permutation(list(dealt))
        self.counts = pd.DataFrame([dealt[name] for name in names], names, GENES["id"])
        self.diameter = self.PX
        self.scales |= {"bin_size_um": 8.0, "microns_per_pixel": 2.0}

    def place(self, row, column) -> tuple[np.ndarray, np.ndarray]:
        """x and y on the image of a place on the array of bins."""
        cos, sin = np.cos(self.TURN), np.sin(self.TURN)
        return (
            60 + self.PX * (column * cos - row * sin),
            40 + self.PX * (column * sin + row * cos),
        )

    def write(self, **options) -> tuple[ad.AnnData, dict]:
        return super().write(**{"spot_window": 28, "spot_pitch_um": 56, **options})
