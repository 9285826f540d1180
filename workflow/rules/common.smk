# What the rules ask of the configuration, and the files that `all` makes.

from types import SimpleNamespace

from stnet.report.analyses import ANALYSES

NAME = "[A-Za-z0-9][A-Za-z0-9.-]*"

# Keys of an experiment that a network's weights depend on, beside its data and initial weights.
# The engine of every device: what was trained on one is not trained again because another is
# configured.
RECIPE = [*Training.model_fields, "engine"]

GENE_TABLE = "resources/genes/hgnc.tsv"
REACTOME = "resources/gene_sets/reactome.gmt"

# What a simulated cohort has beside its sections' files.
SIMULATED_TABLES = ["genes.tsv", "gene_sets.gmt"]

# Slides whose predictions are drawn where none are named.
MAPS_SHOWN = 2

# What a download or a simulation leaves in the folder of a Visium section's positions.
SPATIAL_FILES = ["tissue_positions_list.csv", "scalefactors_json.json"]


def refuse(message):
    """End with one line, as bad input does in a job; an exception would bring its surroundings."""
    sys.exit(f"error: {message}")


try:
    configuration = Configuration(config)
    # What another run of Snakemake is given: what null takes out would come back from the resolved.
    WRITTEN = dict(config)
    config.update(configuration.resolved)
    for name in config["report"]:
        configuration.sections(name)
    simulated = configuration.cohorts_from("simulated")
    made = [f"resources/{name}/{file}" for name in simulated for file in SIMULATED_TABLES]
    configuration.check_files([GENE_TABLE, REACTOME, *made])
except InputError as error:
    refuse(error)


def or_refuse(function):
    """The same function, ending with one line on bad input."""

    def checked(*arguments):
        try:
            return function(*arguments)
        except InputError as error:
            refuse(error)

    return checked


cohort = or_refuse(configuration.cohort)
experiment = or_refuse(configuration.experiment)
features = or_refuse(configuration.features)
sections = or_refuse(configuration.sections)
groups = or_refuse(configuration.groups)

DIGESTS = {}

# The job of a slide downloads it too, by code that changes no prediction.
DIGESTED = {"inference/predict_slide.py": "src/stnet/inference/slides.py"}


def digest(script):
    """Hash of a rule's script and of the library code it uses."""
    if script not in DIGESTS:
        root = Path(workflow.basedir)
        name = script.removeprefix("../scripts/")
        path = root / DIGESTED.get(name, f"workflow/scripts/{name}")
        DIGESTS[script] = code_digest(path, root / "src")
    return DIGESTS[script]


def one_of(names):
    """Wildcard constraint: one of the names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


def sheet_row(cohort, section):
    """Row of the section sheet."""
    for row in sections(cohort):
        if row["section"] == section:
            return row
    refuse(f"no section {section} in {configuration.cohort(cohort)['sheet']}")


def section_ids(cohort):
    """Sections of a cohort, in the sheet's order."""
    return [row["section"] for row in sections(cohort)]


def section_image(w):
    """Image of a section, for what cannot do without."""
    image = sheet_row(w.cohort, w.section)["image"]
    if not image:
        refuse(f"section {w.section} of cohort {w.cohort} has no image, and a network needs one")
    return image


def held_out(experiment):
    """Held-out groups of an experiment."""
    return list(groups(experiment))


def experiment_of(w):
    """Keys of the experiment, which must be of the cohort whose folder it is asked for in."""
    keys = experiment(w.experiment)
    if keys["cohort"] != w.cohort:
        refuse(f"experiment {w.experiment} is of cohort {keys['cohort']}, not of {w.cohort}")
    return keys


def held_out_predictions(w):
    """Predictions of all held-out groups of an experiment."""
    experiment_of(w)
    return expand(
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
        cohort=w.cohort,
        experiment=w.experiment,
        held_out=held_out(w.experiment),
    )


def held_out_sections(w):
    """Sections that the job's held-out group holds out; none for `all`."""
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
    """Sections that the choice of genes, or the fit of factors, does not look at."""
    if w.held_out == ALL:
        return []
    if not configuration.fitted(w.targets):
        refuse(f"targets {w.targets} are chosen on the whole cohort: there is only {ALL}.h5ad")
    split = configuration.targets(w.targets)["split"]
    return group_sections(held_out_groups(sections(w.cohort), split), w.held_out)


def view_index(w):
    """Index of an experiment's view."""
    return f"results/{w.cohort}/views/{experiment_of(w)['view']}/index.tsv"


def weights_file(keys):
    """File of the weights that `architecture` and `weights` name; nothing for random ones."""
    if keys["weights"] == "random":
        return []
    if keys["weights"] == "imagenet":
        return f"resources/weights/imagenet-{keys['architecture']}.safetensors"
    return keys["weights"]


def for_image(least):
    """Memory in MB: `least`, or what a Visium section's image takes, which is decoded as a whole."""
    return lambda w: 6000 if sheet_row(w.cohort, w.section)["format"] == "visium" else least


def section_spots(w):
    """The spot file of a section; of a Visium section the two files of Space Ranger's folder."""
    row = sheet_row(w.cohort, w.section)
    if row["format"] != "visium":
        return row["spots"]
    if cohort(w.cohort)["source"]:
        return [f"{row['spots']}/{name}" for name in SPATIAL_FILES]
    return sorted(map(str, Path(row["spots"]).glob("*.[cj]s*")))


mendeley_cohorts = one_of(configuration.cohorts_from("mendeley"))
tenx_cohorts = one_of(configuration.cohorts_from("tenx"))
simulated_visium_cohorts = one_of(configuration.cohorts_from("simulated-visium"))
simulated_cohorts = one_of(configuration.cohorts_from("simulated"))
network_experiments = one_of(configuration.experiments_of("network"))
label_experiments = one_of(configuration.experiments_of("label"))
forest_experiments = one_of(configuration.experiments_of("forest"))
ridge_experiments = one_of(configuration.experiments_of("ridge"))
mean_experiments = one_of(configuration.experiments_of("mean"))
coordinates_experiments = one_of(configuration.experiments_of("coordinates"))
nuclei_features = one_of(configuration.features_of("nuclei"))
encoder_features = one_of(configuration.features_of("encoder"))
composition_targets = one_of(
    [name for name in config["targets"] if "of" in config["targets"][name]]
)
gene_targets = one_of([name for name in config["targets"] if "of" not in config["targets"][name]])


def results(w):
    """Everything that the cohorts named under `report` show."""
    files = []
    for name in config["report"]:
        folder = f"results/{name}"
        shown = cohort(name)["report"]
        main, label = shown["main"], shown["label"]
        figures = ["fig_1b", "fig_1c", "fig_1d", "supp_1a", "supp_1b", "fig_2a", "fig_2b"]
        if experiment(main)["kind"] == "network":
            figures.append("learning_curve")
        if label:
            figures.append("fig_2d")
            files.append(f"{folder}/tables/{main}/all/against-{label}.tsv")
        if cohort(name).get("source") == "simulated":
            files.append(f"{folder}/tables/{main}/all/control.tsv")
            files.append(f"{cohort(name)['root']}/metadata.csv")
        tables = ["ledger.tsv", "tables/table_1.tsv", "tables/dataset/dataset.html"]
        files += [f"{folder}/{table}" for table in tables]
        files += [f"{folder}/figures/{figure}.png" for figure in figures]
        files += [
            f"{folder}/tables/{each}/all/performance.html"
            for each in configuration.shown_experiments(name)
        ]
        files += [f"{folder}/{file}" for file in analysis_results(name)]
        files += external_results(name)
    return files


def analysis_results(name):
    """What a cohort's report shows of comparisons, tissue, interpretation and latent space."""
    shown = cohort(name)["report"]
    # Labels as the main experiment stand for want of images, and are no subject of analyses.
    if experiment(shown["main"])["kind"] == "label":
        return []
    nuclei = shown["features"] and experiment(shown["features"])["features"]
    return expand(
        [file for each in analyses_of(shown) for file in each.shown],
        nuclei=nuclei,
        section=section_ids(name),
    )


def analyses_of(shown):
    """The analyses that a cohort's report asks for."""
    return [each for each in ANALYSES if all(shown[part] for part in each.parts)]


def ablations(w):
    """What the target `supplement` adds to `all`: the studies of the cohorts under `report`."""
    files = []
    for name in config["report"]:
        folder, shown = f"results/{name}", cohort(name)["report"]
        for study in shown["studies"]:
            files.append(f"{folder}/tables/studies/{study}.html")
            files.append(f"{folder}/figures/studies/{study}.png")
        if shown["single_genes"]:
            files.append(f"{folder}/figures/supp_12.png")
        if shown["studies"] or shown["single_genes"]:
            files.append(f"{folder}/ledger-supplement.tsv")
    return files


def external_results(name):
    """What a cohort's report shows of what its main experiment was not trained on."""
    folder, shown = f"results/{name}", cohort(name)["report"]
    main, w = shown["main"], SimpleNamespace(cohort=name)
    files = []
    if shown["colocalisation"]:
        files += [f"{folder}/tables/colocalisation/summary.tsv", f"{folder}/figures/supp_3.png"]
    for each in shown["visium"]:
        files.append(of_source(w, main, each, "visium.tsv"))
        files += [
            map_of(w, main, each, section)
            for section in section_ids(configuration.source(each)["cohort"])
        ]
    if shown["visium"]:
        files += [f"{folder}/figures/{figure}.png" for figure in ("fig_2c", "supp_2")]
        files.append(f"{folder}/tables/visium.html")
    for each in shown_slides(name):
        files.append(of_source(w, main, each, "tcga.html"))
        files.append(of_source(w, main, each, "subtype_roc.png"))
        slides = configuration.source(each)["maps"] or unit_ids(each)[:MAPS_SHOWN]
        files += [map_of(w, main, each, slide) for slide in slides]
    return files
