"""Model files of a toy's networks."""

from networks import PLAIN

from stnet.inference.model import Model, write_model
from stnet.inference.model_genes import write_gene_reliability

ENGINE = {"cpu": PLAIN, "cuda": PLAIN}


def write_toy_model(toy, folder, names, **changes):
    """The file of a model of the networks `names`."""
    source, (index, targets), trained = toy
    keys = {
        "about": {"experiment": "toy", "model": "ensemble" if len(names) > 1 else names[0]},
        "index": index,
        "targets": targets,
        "engine": ENGINE,
        "device": "cpu",
        "threads": 1,
        **changes,
    }
    members = {name: (trained[name]["model"], trained[name]["card"]) for name in names}
    write_model(members, folder / "model.safetensors", **keys)
    path = folder / "model.safetensors"
    write_gene_reliability(
        path,
        source / "genes.tsv",
        folder / "model.genes.tsv",
        predictions=[source / "held_out.h5ad"],
    )
    return path


def load_model_file(path, level=None):
    """The model of a file with the reliability of its genes beside it."""
    return Model(
        path,
        device="cpu",
        threads=1,
        code="0",
        reliability=path.with_suffix(".genes.tsv"),
        level=level,
    )
