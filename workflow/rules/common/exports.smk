# What is exported, and from which predictions.

EXPORT_FILES = {
    "spatialdata": ["zarr", "vitessce.json"],
    "geojson": ["geojson"],
    "map": ["ome.tif"],
    "csv": ["csv.gz"],
}

# Wildcard constraint: a source and a model in a path, or neither.
EXTERNAL_MODEL = f"(/{NAME}/{GROUP_ID})?"


def exported_predictions(w):
    """Predictions of a section or slide: held out by an experiment, external, or of `predict`."""
    if w.cohort == "predict":
        if w.external or w.experiment != model_name() or w.section not in own:
            refuse(f"predict: no {w.section} with a model {w.experiment}; name it under predict")
        return f"{OWN_RESULTS}/{w.section}/predictions.h5ad"
    experiment_of(w)
    if w.external:
        _, source, model = w.external.split("/")
        row_of("external", source)
        return f"results/{w.cohort}/external/{source}/{w.experiment}/{model}/{w.section}.h5ad"
    for held_out, names in groups(w.experiment).items():
        if w.section in names:
            folder = f"results/{w.cohort}/experiments/{w.experiment}"
            return f"{folder}/{held_out}/predictions.h5ad"
    refuse(f"no section {w.section} in {config['cohorts'][w.cohort]['sheet']}")


def exports(w):
    """What the target `export` makes."""
    main = [config["cohorts"][name]["report"]["main"] for name in config["report"]]
    places = [
        (config["experiments"][name]["cohort"], name, section)
        for name in config["export"]["experiments"] or ([] if own else main)
        for sections in groups(name).values()
        for section in sections
    ]
    sources = config["export"]["external"]
    for name in main if sources else []:
        if config["experiments"][name]["kind"] != "network":
            refuse(f"configuration: export.external: {name} is not a network; leave the key out")
    places += [
        (cohort, f"{name}/{source}/{config['external'][source]['model']}", unit)
        for cohort, name in zip(config["report"], main)
        for source in sources
        for unit in unit_ids(source)
    ]
    places += [("predict", model_name(), name) for name in own]
    return [
        f"results/{cohort}/exports/{experiment}/{section}.{ending}"
        for cohort, experiment, section in places
        for name in config["export"]["formats"]
        for ending in EXPORT_FILES[name]
    ]
