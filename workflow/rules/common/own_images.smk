# Slides and sections of your own, as the configuration names them under `predict`.

OWN = config["predict"]
OWN_SLIDES = [{"image": each} if isinstance(each, str) else each for each in OWN["slides"]]


def results_id(text):
    """Text as the name of a file or folder of results."""
    plain = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text))
    return re.sub("[^A-Za-z0-9._-]", "-", plain).lstrip("._-") or "sample"


def model_name():
    """Name of the model's results: of its file, and of its experiment in a folder of `models`."""
    path = Path(OWN["model"] or "")
    of = f"{path.parent.name}-" if path.parent.parent.name == "models" else ""
    name = results_id(of + path.stem)
    if len(name) > LONGEST_ID:
        refuse(f"predict.model: {path} has a name of more than {LONGEST_ID} characters; shorten it")
    return name


OWN_RESULTS = f"results/predict/{model_name()}"


def own_names():
    """Slides and sections by the names of their results: those of the files and folders."""
    named, paths = {}, {}
    for item in [*OWN_SLIDES, *OWN["sections"]]:
        files = own_files_of(item)
        path = named_by = Path(files[0])
        # Space Ranger gives these names to folders of every section.
        while re.fullmatch(r"outs|binned_outputs|square_\d+um", named_by.name):
            named_by = named_by.parent
        name = named_by.stem if named_by == path else named_by.name
        name = results_id(item.get("name") or name)
        if name in ("logs", "benchmarks"):
            refuse(f"predict: {path} would be called {name}, which is reserved; rename it")
        if len(name) > LONGEST_ID:
            refuse(f"predict: {path} has a name of more than {LONGEST_ID} characters; shorten it")
        # Some disks take A.svs and a.svs for one file.
        other = paths.setdefault(name.casefold(), path)
        if other is not path:
            refuse(
                f"predict: the results of {path} and {other} would both be called {name}"
                f"{'' if name in named else ' on a disk that ignores case'}; give one of them"
                " another name: {image: …, name: …}"
            )
        for each in files:
            if not Path(each).exists():
                refuse(f"predict: no {each}; correct the path")
        named[name] = item
    return named


def own_files_of(item):
    """Files and folders that an entry of `predict.slides` or `predict.sections` names."""
    return [item[key] for key in ("folder", "counts", "spots", "image") if item.get(key)]


own = own_names()
own_slides = {name: item for name, item in own.items() if item in OWN_SLIDES}
own_sections = {name: item for name, item in own.items() if name not in own_slides}


def own_model(w):
    """The model's two files and their hashes, so that replaced files cause new predictions."""
    if OWN["model"] is None:
        refuse("predict.model: missing; name the .safetensors of a trained model")
    files = {"path": OWN["model"], "reliability": str(Path(OWN["model"]).with_suffix(".genes.tsv"))}
    try:
        hashes = [file_sha256(path) for path in files.values()]
        # A gene that the model has not is refused now, not once the slides are predicted.
        with open(files["reliability"], encoding="utf-8", errors="replace") as table:
            rows = [line.rstrip("\n").split("\t") for line in table]
        columns = [rows[0].index(name) for name in ("gene", "symbol", "ensembl")]
        find_genes(OWN["genes"], [[row[i] for i in columns] for row in rows[1:]], OWN["model"])
    except OSError as error:
        refuse(f"predict.model: {error.filename}: {error.strerror}; correct the path")
    except (ValueError, IndexError):
        pass  # The job refuses a damaged table.
    except InputError as error:
        refuse(f"predict.genes: {error}")
    check_gpu_of_dry_run()
    return {**files, "sha256": hashes}


def own_row(w):
    """The row of a section sheet that an entry of `predict.sections` stands for."""
    own = own_sections[w.name]
    row = {column: str(own.get(column) or "") for column in SHEET_COLUMNS}
    row |= {"patient": w.name, "section": w.name}
    try:
        if own["folder"]:
            row |= output_files(own["folder"])
        check_row(row, "configuration: predict.sections")
    except InputError as error:
        refuse(error)
    return row


def own_genes(w):
    """The gene table, if it is there already: without it, genes are matched by id and symbol."""
    return GENE_TABLE if Path(GENE_TABLE).is_file() else []


def check_gpu_of_dry_run():
    """Refuse what a run would refuse on its start, which a dry run does not have.

    Predictions that only have to be made again are refused by the run itself.
    """
    if not (workflow.dryrun and config["device"] == "cuda" and (reason := why_no_gpu())):
        return
    waiting = [name for name in own if not Path(f"{OWN_RESULTS}/{name}/predictions.h5ad").exists()]
    # A dry run does not know its executor any more, but on a cluster, which may have what this
    # machine has not, it must be given a number of jobs.
    if waiting and workflow.resource_settings.nodes is None:
        refuse_without_gpu(reason, len(waiting))


def print_own_results():
    """Print what was predicted of each slide or section, the warnings, and the files made."""
    found = jobs_made("own_slide_map", "own_section_map", "own_viewer")
    made = {}
    for job, done in found:
        made[job.wildcards.name] = made.get(job.wildcards.name, True) and done
    for name in [name for name in own if name in made]:
        folder = f"{OWN_RESULTS}/{name}"
        if not made[name]:
            print(f"{name}: not predicted; the reason is above, and in {OWN_RESULTS}/logs")
            continue
        rows = stored_rows(f"{folder}/summary.tsv")
        print(f"{name}: {dict(rows)['predicted']}")
        print_warnings(rows)
        files = ("viewer.html", "map.png", "summary.tsv", "predictions.h5ad")
        print("\n".join(["  made:", *(f"    {folder}/{file}" for file in files)]))
