"""Files of patch embeddings in the layouts of HEST's benchmark and of TRIDENT."""

import h5py
import numpy as np

# Tiles that HEST's benchmark embeds and writes at a time; 128 by default there.
BATCH = 5


def write_hest(path, values, barcodes, corners):
    """As `save_hdf5` of HEST's `hest.bench.benchmark.embed_tiles`: no attributes, in batches."""
    parts = {
        "embeddings": values,
        "barcodes": np.array(barcodes, dtype="S")[:, None],
        "coords": np.asarray(corners, dtype=np.int64),
    }
    with h5py.File(path, "w") as file:
        for name, part in parts.items():
            first, shape = part[:BATCH], part.shape[1:]
            dataset = file.create_dataset(
                name, first.shape, first.dtype, maxshape=(None, *shape), chunks=True
            )
            dataset[:] = first
            for start in range(BATCH, len(part), BATCH):
                more = part[start : start + BATCH]
                dataset.resize(len(dataset) + len(more), axis=0)
                dataset[-len(more) :] = more
    return path


def trident_attributes(name, size, side, *, encoder="uni_v1", magnification=40, target=20):
    """What TRIDENT states of tiles of `side` px at level 0 of a slide of `size`."""
    return {
        "features": {"name": name, "savetodir": "out/features_uni_v1", "encoder": encoder},
        "coords": {
            "patch_size": side * target // magnification,
            "patch_size_level0": side,
            "level0_magnification": magnification,
            "target_magnification": target,
            "overlap": 0,
            "name": name,
            "savetodir": "out",
            "level0_width": size[0],
            "level0_height": size[1],
        },
    }


def write_trident(path, values, corners, attributes):
    """As `save_h5` of TRIDENT's `extract_patch_features`."""
    with h5py.File(path, "w") as file:
        for name, part in (("features", values), ("coords", np.asarray(corners, dtype=np.int64))):
            dataset = file.create_dataset(
                name,
                part.shape,
                part.dtype,
                maxshape=(None, *part.shape[1:]),
                chunks=(1, *part.shape[1:]),
            )
            dataset[:] = part
            dataset.attrs.update(
                {key: "None" if value is None else value for key, value in attributes[name].items()}
            )
    return path


def grid_corners(size, step):
    """Corners of TRIDENT's tiles over a whole slide of `size`, row by row."""
    x, y = np.meshgrid(np.arange(0, size[0], step), np.arange(0, size[1], step))
    return np.column_stack([x.ravel(), y.ravel()])
