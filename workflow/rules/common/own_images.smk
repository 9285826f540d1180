# Slides and Visium sections of your own, as the configuration names them under `predict`.

OWN = config["predict"]


def own_names():
    """Slides and Visium folders by the names of their results: those of the files and folders."""
    named = {}
    for item in [*OWN["slides"], *OWN["visium"]]:
        path = Path(item if isinstance(item, str) else item["folder"])
        # Space Ranger names every output folder `outs`.
        name = path.parent.name if path.name == "outs" else path.stem
        name = re.sub("[^A-Za-z0-9._-]", "-", name).lstrip("._-") or "sample"
        if name in ("logs", "benchmarks"):
            refuse(f"predict: {path} would be called {name}, which is reserved; rename it")
        if len(name) > LONGEST_ID:
            refuse(f"predict: {path} has a name of more than {LONGEST_ID} characters; shorten it")
        if name in named:
            refuse(f"predict: {path} has the same name, {name}, as another image; rename one")
        if not path.exists():
            refuse(f"predict: no {path}; correct the path")
        named[name] = item
    return named


own = own_names()
own_slides = {name: item for name, item in own.items() if isinstance(item, str)}
own_sections = {name: item for name, item in own.items() if not isinstance(item, str)}


def own_model(w):
    """The model's two files and their hashes, so that replaced files cause new predictions."""
    if OWN["model"] is None:
        refuse("predict.model: missing; name the .safetensors of a trained model")
    files = {"path": OWN["model"], "reliability": str(Path(OWN["model"]).with_suffix(".genes.tsv"))}
    try:
        return {**files, "sha256": [file_sha256(path) for path in files.values()]}
    except OSError as error:
        refuse(f"predict.model: {error.filename}: {error.strerror}; correct the path")


def own_row(w):
    """The row of a section sheet that a Visium folder would have."""
    own, folder = own_sections[w.name], Path(own_sections[w.name]["folder"])
    return {
        **dict.fromkeys(SHEET_COLUMNS, ""),
        **{"patient": w.name, "section": w.name, "format": "visium", "grid": "hexagonal"},
        "image": own["image"],
        "um_per_px": str(own["um_per_px"] or ""),
        "counts": str(folder / "filtered_feature_bc_matrix.h5"),
        "spots": str(folder / "spatial"),
    }


def own_genes(w):
    """The gene table, if it is there already: without it, genes are matched by id and symbol."""
    return GENE_TABLE if Path(GENE_TABLE).is_file() else []
