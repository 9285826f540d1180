"""Sections as AnnData in scverse's convention, and as samples of HEST."""

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse

Image.MAX_IMAGE_PIXELS = None


def reduced(image, side):
    """A reduced copy of an image, and its pixels per pixel of the image."""
    with Image.open(image) as opened:
        width = opened.width
        opened.draft("RGB", (side, side))
        picture = opened.convert("RGB")
        picture.thumbnail((side, side))
    return np.asarray(picture), picture.width / width


def scverse(spots, counts, image="", diameter=10.0) -> ad.AnnData:
    """An ST section as AnnData, spots without counts left out.

    `spots` has x, y, pixel_x and pixel_y by spot, `counts` a column per gene.
    """
    spots = spots[spots.index.isin(counts.index)]
    obs = pd.DataFrame(
        {"in_tissue": 1, "array_row": spots["y"], "array_col": spots["x"]}, index=spots.index
    )
    matrix = sparse.csr_matrix(counts.loc[spots.index].to_numpy(dtype=np.float32))
    made = ad.AnnData(matrix, obs=obs, var=pd.DataFrame(index=counts.columns))
    made.obsm["spatial"] = spots[["pixel_x", "pixel_y"]].to_numpy()
    images, factors = {}, {"spot_diameter_fullres": diameter}
    if image:
        images["hires"], factors["tissue_hires_scalef"] = reduced(image, 2000)
    made.uns["spatial"] = {"library": {"images": images, "scalefactors": factors, "metadata": {}}}
    return made


def hest_st(spots, counts) -> ad.AnnData:
    """An ST section as HEST has it: x as `array_row`, padded names, the counts' order."""
    counts = counts[counts.index.isin(spots.index)]
    spots = spots.loc[counts.index]
    made = ad.AnnData(counts.to_numpy(), pd.DataFrame(index=counts.index.copy()))
    made.var_names = counts.columns
    made.obsm["spatial"] = spots[["pixel_x", "pixel_y"]].to_numpy()
    made.obs["array_row"] = spots["x"].to_numpy()
    made.obs["array_col"] = spots["y"].to_numpy()
    made.obs_names = ["x".join(n.zfill(3) for n in name.split("x")) for name in counts.index]
    return made


def hest_sample(made, folder: Path, sample: str, image, um_per_px, **said) -> dict[str, str]:
    """Write `made`, an AnnData, as a sample of HEST; its columns of a section sheet.

    The image is not written again: `wsis` has a link to it. `said` are further metadata.
    """
    made = made.copy()
    made.obs["in_tissue"] = True
    made.obs["pxl_col_in_fullres"], made.obs["pxl_row_in_fullres"] = made.obsm["spatial"].T
    made.obs["total_counts"] = np.asarray(made.X.sum(axis=1)).ravel()
    picture, factor = reduced(image, 1000)
    diameter = said.get("spot_diameter", 100.0) / um_per_px
    factors = {"spot_diameter_fullres": diameter, "tissue_downscaled_fullres_scalef": factor}
    made.uns["spatial"] = {
        "ST": {"images": {"downscaled_fullres": picture}, "scalefactors": factors}
    }
    paths = {
        "counts": folder / f"st/{sample}.h5ad",
        "spots": folder / f"metadata/{sample}.json",
        "image": folder / f"wsis/{sample}{Path(image).suffix}",
    }
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    made.write_h5ad(paths["counts"])
    paths["image"].unlink(missing_ok=True)
    paths["image"].symlink_to(Path(image).resolve())
    with Image.open(image) as opened:
        width, height = opened.size
    metadata = {
        **{"id": sample, "image_filename": f"{sample}.tif", "dataset_title": "Simulated sections"},
        **{"patient": "Patient 1", "st_technology": "Spatial Transcriptomics"},
        **{"species": "Homo sapiens", "organ": "Breast", "magnification": "20x"},
        **{"inter_spot_dist": 200.0, "spot_diameter": 100.0, "spots_under_tissue": made.n_obs},
        **{"nb_genes": made.n_vars, "fullres_px_width": width, "fullres_px_height": height},
        **{"pixel_size_um_embedded": None, "pixel_size_um_estimated": um_per_px},
        "treatment_comment": float("nan"),
    }
    paths["spots"].write_text(json.dumps(metadata | said))
    return {"format": "hest", "labels": "", **{name: str(path) for name, path in paths.items()}}


def assert_same(found: ad.AnnData, expected: ad.AnnData) -> None:
    """Raise AssertionError unless two sections say the same of the same spots, in any order."""
    assert sorted(found.obs_names) == sorted(expected.obs_names)
    rows = found.obs_names.get_indexer(expected.obs_names)
    columns = found.var_names.get_indexer(expected.var_names)
    assert sorted(found.var_names) == sorted(expected.var_names)
    assert (found.X[rows][:, columns] != expected.X).nnz == 0
    assert found.X.dtype == expected.X.dtype == np.int32
    # Writing makes categories of repeated words.
    pd.testing.assert_frame_equal(
        found.var.iloc[columns].astype(str), expected.var.astype(str), check_names=False
    )
    without = ["label", "annotation"]
    pd.testing.assert_frame_equal(
        found.obs.iloc[rows].drop(columns=without), expected.obs.drop(columns=without)
    )
    assert (found.obsm["spatial"][rows] == expected.obsm["spatial"]).all()
    names = ["width", "height", "um_per_px"]
    slides = [[section.uns["slide"][name] for name in names] for section in (found, expected)]
    # Some formats have the tissue's spots only, which give a slightly other scale.
    np.testing.assert_allclose(*slides, rtol=0.002)
    assert found.uns["grid"] == expected.uns["grid"]
