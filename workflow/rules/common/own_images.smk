# Slides and sections of your own, as the configuration names them under `predict`.

OWN = config["predict"]


def own_names():
    """Slides and sections by the names of their results: those of the files and folders."""
    named = {}
    for item in [*OWN["slides"], *OWN["sections"]]:
        files = [item] if isinstance(item, str) else own_files_of(item)
        path = Path(files[0])
        # Space Ranger names every output folder `outs`.
        name = path.parent.name if path.name == "outs" else path.stem
        if not isinstance(item, str) and item["name"]:
            name = item["name"]
        name = re.sub("[^A-Za-z0-9._-]", "-", name).lstrip("._-") or "sample"
        if name in ("logs", "benchmarks"):
            refuse(f"predict: {path} would be called {name}, which is reserved; rename it")
        if len(name) > LONGEST_ID:
            refuse(f"predict: {path} has a name of more than {LONGEST_ID} characters; shorten it")
        if name in named:
            refuse(f"predict: {path} has the same name, {name}, as another image; rename one")
        for each in files:
            if not Path(each).exists():
                refuse(f"predict: no {each}; correct the path")
        named[name] = item
    return named


def own_files_of(item):
    """Files and folders that an entry of `predict.sections` names."""
    return [item[key] for key in ("folder", "counts", "spots", "image") if item[key]]


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
    """The row of a section sheet that an entry of `predict.sections` stands for."""
    own = own_sections[w.name]
    row = {column: str(own.get(column) or "") for column in [*SHEET_COLUMNS, *OPTIONAL]}
    row |= {"patient": w.name, "section": w.name}
    if own["folder"]:
        folder = Path(own["folder"])
        row["counts"] = str(folder / "filtered_feature_bc_matrix.h5")
        row["spots"] = str(folder / "spatial")
    try:
        check_row(row, "configuration: predict.sections")
    except InputError as error:
        refuse(error)
    return row


def own_genes(w):
    """The gene table, if it is there already: without it, genes are matched by id and symbol."""
    return GENE_TABLE if Path(GENE_TABLE).is_file() else []
