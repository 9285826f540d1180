# What the analyses of a cohort's report are made from.

from stnet.config.strata import STRATA
from stnet.report.analyses import ANALYSES


def analyses_of(shown):
    """The analyses that a cohort's report asks for."""
    return [each for each in ANALYSES if all(shown[part] for part in each.parts)]


def part(w, name):
    """What a cohort's report says of one of its analyses, which must be there."""
    if not shown(w)[name]:
        refuse(f"cohorts.{w.cohort}.report.{name}: missing in the configuration; fill it in")
    return shown(w)[name]


def setting(key):
    """Input function for `params`: one key of the experiment."""
    return lambda w: experiment(w.experiment)[key]


def encoder_weights(w):
    """File of the encoder's weights; nothing for random ones."""
    keys = features(w.features)
    if keys["library"] == "timm" and keys["weights"] == "imagenet":
        return f"resources/weights/timm-{keys['architecture']}.safetensors"
    return weights_file(keys)


def collected_features(w):
    """Features that an experiment predicts from, of all sections of its cohort."""
    return f"results/{w.cohort}/features/{experiment_of(w)['features']}.h5ad"


def of_strata(name):
    """Input function: a table of the cohort's main experiment over the spots of each stratum."""
    return lambda w: expand(
        "results/{cohort}/tables/{experiment}/{stratum}/{name}.tsv",
        cohort=w.cohort,
        experiment=shown(w)["main"],
        stratum=STRATA,
        name=name,
    )


def shown_nuclei(w):
    """Nuclear features of the cohort's spots: those that its report's random forest is on."""
    return f"results/{w.cohort}/features/{experiment(part(w, 'features'))['features']}.h5ad"


def latent_key(name):
    """Input function: a key of what the cohort's report shows of the latent space."""
    return lambda w: part(w, "latent")[name]


def main_view_index(w):
    """Index of the main experiment's view."""
    return f"results/{w.cohort}/views/{experiment(shown(w)['main'])['view']}/index.tsv"


def methods(w):
    """What each experiment of the table of comparison is, the main one first."""
    parts = ("composition", "features", "label", "main")
    roles = {shown(w)[part]: part for part in parts}
    of_experiments = {name: experiment(name) for name in configuration.shown_experiments(w.cohort)}
    return {
        name: {
            "role": roles.get(name, "other"),
            "kind": keys["kind"],
            "of": keys.get("architecture") or keys.get("features", ""),
            "targets": keys["targets"],
        }
        for name, keys in of_experiments.items()
    }


def tables_of(names, table):
    """Input function: a table of the performance of each of the experiments that `names` gives."""
    return lambda w: [table_of(w, name, table) for name in names(w)]


def against_main(name):
    """Input function: the comparison of the main experiment with another part of the report."""
    return lambda w: table_of(w, shown(w)["main"], f"against-{part(w, name)}")


def studied(w):
    """Experiments of a study."""
    if w.study not in shown(w)["studies"]:
        refuse(f"no study {w.study} in cohorts.{w.cohort}.report.studies")
    return shown(w)["studies"][w.study]["experiments"]


def study_labels(w):
    """What a study is called in the report."""
    return {"item": shown(w)["studies"][w.study]["title"], "cohort": w.cohort}


def changed_keys(w):
    """The keys in which a study's experiments differ, with the values of each experiment."""
    keys = {name: experiment(name) for name in studied(w)}
    first, *others = keys.values()
    # The options of an architecture go with it.
    names = dict.fromkeys(key for each in keys.values() for key in each)
    names.pop("architecture_options", None)
    differing = [key for key in names if any(each.get(key) != first.get(key) for each in others)]
    return {name: {key: each.get(key) for key in differing} for name, each in keys.items()}


def study_reference(w):
    """What a study's experiments are held against: the main one, or the first."""
    main = shown(w)["main"]
    return main if main in studied(w) else studied(w)[0]


def alone(w):
    """Experiments that predict one gene each."""
    return list(shown(w)["single_genes"].values())


def pathways(w):
    """Keys of the cohort's pathway analysis."""
    return part(w, "pathways")


def composition_keys(w):
    """Keys of the targets of the composition that the cohort's report shows."""
    return configuration.targets(experiment(part(w, "composition"))["targets"])


def interpretation(w):
    """How the cohort's main experiment is interpreted."""
    return part(w, "interpretation")


def table_of_genes(w):
    """Performance of the genes, which chooses what is attributed only where no gene is named."""
    table = main_table("gene_performance")(w)
    return ancient(table) if shown(w)["gene"] else table


def main_keys(w):
    """Keys of the cohort's main experiment, of which only a network has gradients."""
    keys = experiment(shown(w)["main"])
    if keys["kind"] != "network":
        refuse(f"cohorts.{w.cohort}.report.main: {shown(w)['main']} is no network to interpret")
    return keys


def nuclear_keys(w):
    """Keys of the nuclear features that the cohort's report shows."""
    return features(experiment(part(w, "features"))["features"])
