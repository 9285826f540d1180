"""What the demo has no job of, run in a finished demo: exports, own data, downloads, controls."""

import io
import tarfile
import zipfile
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import yaml
from handed_in import export
from hgnc import TABLE
from project import DEMO, snakemake
from remote import Remote, two_patients

FILE = "wider.yaml"
OPTIONS = (*DEMO, FILE)
HELD_OUT, SECTION, GIVEN = "BC90001", "BC90001_C1", "given"
VISIUM = "resources/demo-visium/VS90001_1"
PREDICTED = "results/predict/all"
COLUMNS = "patient section format image counts spots labels grid um_per_px pixel_scale"
SHEETS = {
    "archived": "BC100 BC100_C1 st-v5 BC100_C1/image.jpg BC100_C1/counts.tsv.gz"
    " BC100_C1/spots.csv.gz BC100_C1/labels.tsv.gz square - -",
    "tenth": "P V1 visium V1/image.tif V1/filtered_feature_bc_matrix.h5 V1/spatial - hexagonal - -",
}
COHORT = {"require_label": False, "spot_window": 128, "spot_pitch_um": 100}
FORMATS = ("zarr", "geojson", "ome.tif", "csv.gz")
TARGETS = (
    *("arena", "leak_lab"),
    *(f"results/demo/exports/densenet-small/{SECTION}.{each}" for each in FORMATS),
    *(f"{PREDICTED}/{name}/{each}" for name in "WV" for each in ("map.png", "viewer.html")),
    *(
        f"results/demo/experiments/{GIVEN}-{name}/{HELD_OUT}/predictions.h5ad"
        for name in ("p", "d")
    ),
    f"results/demo/features/{GIVEN}/{SECTION}.h5ad",
    "resources/archived/BC100_C1/image.jpg",
    "resources/tenth/V1/image.tif",
    "resources/gene_sets/reactome.gmt",
)


def serve(server: Remote) -> None:
    """Put what the downloads of `widen` ask for on a server."""
    server.publish("abc123", 5, two_patients())
    server.files["/hgnc_2020-01-01.txt"] = TABLE.encode()
    packed, sets = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("tissue_positions_list.csv", "scalefactors_json.json"):
            archive.addfile(tarfile.TarInfo(f"spatial/{name}"))
    with zipfile.ZipFile(sets, "w") as archive:
        archive.writestr("ReactomePathways.gmt", "Apoptosis\tR-1\tBAX\tFAS\n")
    server.files["/download/current/ReactomePathways.gmt.zip"] = sets.getvalue()
    for suffix, content in {
        "spatial.tar.gz": packed.getvalue(),
        "filtered_feature_bc_matrix.h5": b"\x89HDF\r\n\x1a\n" + bytes(5000),
        "image.tif": b"II*\0" + bytes(5000),
    }.items():
        server.files[f"/samples/spatial-exp/1.1.0/V1/V1_{suffix}"] = content


def widen(folder: Path, host: str) -> None:
    """Add jobs of further rules to a finished demo; `host` serves what they download.

    In a demo that has them, only the address of the host is changed.
    """
    of_group = f"{GIVEN}/{{held_out}}"
    (slide,) = sorted((folder / "resources/demo-tcga/gdc").rglob("*.svs"))[:1]
    visium = {"counts": f"{VISIUM}/filtered_feature_bc_matrix.h5", "spots": f"{VISIUM}/spatial"}
    hosts = dict.fromkeys(("mendeley", "tenx", "reactome", "gdc"), host)
    predict = {
        "model": "all.safetensors",
        "level": 0.8,
        "um_per_px": 1.3333,
        "tiles": {"side": 128, "magnification": 7.5, "background": 220, "most_background": 0.5},
        "slides": [{"image": str(slide.relative_to(folder)), "name": "W"}],
        "sections": [{**visium, "image": f"{VISIUM}/image.jpg", "name": "V"}],
    }
    theirs = {
        **{"kind": "precomputed", "cohort": "demo", "targets": "top60", "split": "patient"},
        **{"predictions": f"{of_group}.tsv", "trained_on": f"{of_group}.txt"},
        **{"transform": "log_fraction", "universe": 1199, "title": "Handed in"},
    }
    features = {"kind": "precomputed", "files": f"{GIVEN}/{{section}}.h5", "view": "128x2"}
    config = {
        "hosts": {**hosts, "hgnc": f"{host}/hgnc_2020-01-01.txt"},
        "cohorts": {
            name: {**COHORT, "sheet": f"config/cohorts/{name}.tsv", **source}
            for name, source in {
                "archived": {"source": "mendeley", "dataset": "abc123", "version": 5},
                "tenth": {"source": "tenx"},
            }.items()
        },
        "features": {GIVEN: {**features, "title": "Handed in"}},
        "experiments": {
            f"{GIVEN}-p": theirs,
            f"{GIVEN}-d": {
                **{"inherit": "depth", "cohort": "demo", "targets": "top60"},
                **{"split": "patient", "title": "Total counts"},
            },
        },
        "predict": predict,
    }
    was_wide = (folder / FILE).exists()
    (folder / FILE).write_text(yaml.safe_dump(config))
    if not was_wide:
        _write_given(folder)
        # The table first, because sections take it if it is there.
        snakemake(folder, *OPTIONS, "--", "resources/genes/hgnc.tsv")
        snakemake(folder, *OPTIONS, "--", *TARGETS)


def _write_given(folder: Path) -> None:
    """Sheets, a model, and what other programs would hand in."""
    for name, row in SHEETS.items():
        cells = [each.replace("-", "") if each == "-" else each for each in row.split()]
        text = "\n".join("\t".join(each) for each in (COLUMNS.split(), cells))
        (folder / f"config/cohorts/{name}.tsv").write_text(f"{text}\n")
    for suffix in ("safetensors", "genes.tsv"):
        model = folder / f"results/demo/models/densenet-small/all.{suffix}"
        (folder / f"all.{suffix}").write_bytes(model.read_bytes())
    made = folder / "results/demo/experiments/densenet-small"
    patients = sorted(path.name for path in made.iterdir() if path.name != "all")
    for patient in patients:
        export(made / patient / "predictions.h5ad", folder / GIVEN / f"{patient}.tsv", "ensembl")
        others = "\n".join(each for each in patients if each != patient)
        (folder / GIVEN / f"{patient}.txt").write_text(f"{others}\n")
    for path in sorted((folder / "results/demo/sections").glob("*.h5ad")):
        section = ad.read_h5ad(path)
        used = section[section.obs["used"]]
        with h5py.File(folder / GIVEN / f"{path.stem}.h5", "w") as file:
            file["embeddings"] = np.asarray(used.obsm["spatial"], dtype=np.float32)
            file["barcodes"] = used.obs_names.to_numpy(dtype="S")
