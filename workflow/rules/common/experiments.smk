# Inputs of the jobs of an experiment and a held-out group.

# Keys of an experiment that a network's weights depend on, beside its data and initial weights.
# The engine has the settings of every device, so that changing `device` does not retrain.
RECIPE = [*Training.model_fields, "engine"]

# Keys of features that an encoder's description of a patch depends on, beside weights and view.
ENCODER = ["library", "architecture", "options", "mean", "sd"]

# Keys of nuclear features that the segmentation depends on.
SEGMENTATION = list(Segmentation.model_fields)

# Keys of predictions made elsewhere that say in which unit they are.
UNITS = ["transform", "universe"]

# Wildcard constraint: a held-out group, not `all`.
A_GROUP = rf"(?!{ALL}/){GROUP_ID}"


def held_out(experiment):
    """Held-out groups of an experiment."""
    return list(groups(experiment))


def experiment_of(w):
    """Keys of the experiment, which must be of the cohort whose folder it is asked for in."""
    keys = row_of("experiments", w.experiment)
    if keys["cohort"] != w.cohort:
        refuse(f"experiment {w.experiment} is of cohort {keys['cohort']}, not of {w.cohort}")
    return keys


def training_memory(w):
    """Memory of a training job in MB."""
    keys = experiment_of(w)
    return training_mb(keys["view"], keys["batch_size"], config["device"])


def prediction_memory(w):
    """Memory in MB of a job that predicts a held-out group at most."""
    keys, device = experiment_of(w), config["device"]
    batch = keys["engine"][device]["prediction_batch"]
    return prediction_mb(keys["view"], batch, device)


def held_out_predictions(w):
    """Predictions of all held-out groups of an experiment."""
    experiment_of(w)
    return expand(
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
        cohort=w.cohort,
        experiment=w.experiment,
        held_out=held_out(w.experiment),
    )


def calibration_predictions(w):
    """Held-out predictions whose patients were held out whole, for intervals; or none."""
    by_section = experiment_of(w)["split"] == "section"
    return [] if by_section else held_out_predictions(w)


def held_out_sections(w):
    """Sections of the job's held-out group; none for `all`."""
    if w.held_out == ALL:
        return []
    return group_sections(groups(w.experiment), w.held_out)


def group_sections(groups, held_out):
    """Sections of a held-out group; an unknown one must not pass for `all`."""
    if held_out not in groups:
        refuse(f"no held-out group {held_out}; there are {', '.join(groups)}")
    return groups[held_out]


def targets_file(w):
    """The targets of an experiment's held-out group."""
    return targets_of(w, experiment_of(w)["targets"])


def targets_of(w, targets):
    """Targets by name, without the held-out group where they are fitted."""
    name = w.held_out if configuration.fitted(targets) else ALL
    return f"results/{w.cohort}/targets/{targets}/{name}.h5ad"


def sections_outside_fit(w):
    """Sections left out of the choice of genes or the fit of factors."""
    if w.held_out == ALL:
        return []
    if not configuration.fitted(w.targets):
        refuse(f"targets {w.targets} are chosen on the whole cohort: there is only {ALL}.h5ad")
    split = config["targets"][w.targets]["split"]
    return group_sections(held_out_groups(sections(w.cohort), split), w.held_out)


def view_index(w):
    """Index of an experiment's view."""
    return f"results/{w.cohort}/views/{experiment_of(w)['view']}/index.tsv"


def features_view_index(w):
    """Index of the view of the patches that features describe."""
    return f"results/{w.cohort}/views/{row_of('features', w.features)['view']}/index.tsv"


def encoder_weights(w):
    """File of the encoder's weights; nothing for random ones."""
    keys = row_of("features", w.features)
    path = weights_file(keys, f"features.{w.features}")
    if keys["library"] == "timm" and keys["weights"] == IMAGENET:
        return f"resources/weights/timm-{keys['architecture']}.safetensors"
    # Snakemake would not name the key, and misses the file where the outputs exist already.
    if path and not is_made(path):
        check_weights(w.features)
    return path


def encoder_memory(w):
    """Memory of an encoder in MB: the network, the content of its file, and a batch."""
    weights = encoder_weights(w)
    # What the workflow downloads is small, and not there yet.
    size = Path(weights).stat().st_size if weights and Path(weights).is_file() else 0
    return max(8000, 4000 + 2 * (size // 2**20))


def there(path, key, of):
    """A file that a key of the configuration names. An error if it is not there, nor made by a rule."""
    if not (is_made(path) or Path(path).is_file()):
        refuse(f"configuration: {key}: no file {path} of {of}; add it, or correct the path")
    return path


def precomputed_features(w):
    """File of a section's features that another program computed. An error if there is none."""
    files = row_of("features", w.features)["files"]
    image = section_image(w) if "{slide}" in files else ""
    # As TRIDENT names a slide.
    slide = re.sub(r"(\.ome)?\.[^.]*$", "", Path(image).name, flags=re.IGNORECASE)
    path = files.format(section=w.section, slide=slide)
    return there(path, f"features.{w.features}.files", f"section {w.section}")


def collected_features(w):
    """Features that an experiment predicts from, of all sections of its cohort."""
    return f"results/{w.cohort}/features/{experiment_of(w)['features']}.h5ad"


def weights_file(keys, row):
    """File of the weights that `architecture` and `weights` name; nothing for random ones.

    `row` is the path of the keys in the configuration.
    """
    check_architecture(keys, row)
    if keys["weights"] == RANDOM:
        return []
    if keys["weights"] == IMAGENET:
        return f"resources/weights/imagenet-{keys['architecture']}.safetensors"
    return keys["weights"]


def handed_in(key):
    """Input function: the held-out group's file of predictions made elsewhere, or nothing.

    `key` is that of the experiment that has the path; it may have a list instead.
    """

    def file(w):
        path = experiment_of(w)[key]
        held_out_sections(w)
        if not isinstance(path, str):
            return []
        path = path.replace(HELD_OUT, w.held_out)
        return there(path, f"experiments.{w.experiment}.{key}", f"held-out group {w.held_out}")

    return file


def trained_on(w):
    """Patients and sections that the model of predictions made elsewhere saw, if they are listed."""
    listed, key = experiment_of(w)["trained_on"], f"experiments.{w.experiment}.trained_on"
    if isinstance(listed, dict):
        for name in sorted(set(listed) ^ set(held_out(w.experiment))):
            what = "is no held-out group" if name in listed else "is missing"
            refuse(f"configuration: {key}: {name} {what}; list what each group's model saw")
        return listed[w.held_out]
    return [] if isinstance(listed, str) else listed


def patients_of_sections(w):
    """Patient of every section of a cohort."""
    return {row["section"]: row["patient"] for row in sections(w.cohort)}
