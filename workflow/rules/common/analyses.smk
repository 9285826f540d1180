# What a cohort's report has of the registry of analyses, and the inputs of these analyses.

from types import SimpleNamespace

from stnet.config.strata import STRATA
from stnet.report.analyses import ANALYSES, check_claims

# Titles of pages that are too large for Snakemake's report: its frames show no more than 1.5 MB.
TOO_LARGE = {"tables/dataset/sections.html": "Spots on the images"}

# Slides whose predictions are drawn where none are named.
MAPS_SHOWN = 2


def facts_of(cohort):
    """What a cohort's report has, by the names that analyses need it under."""
    shown = config["cohorts"][cohort]["report"]
    kind = config["experiments"][shown["main"]]["kind"]
    return shown | {
        "images": kind != "label",
        "labels_only": kind == "label",
        "network": kind == "network",
        "simulated": config["cohorts"][cohort]["source"] == "simulated",
        "slides": shown_slides(cohort),
        "varied_weights": first_varied(shown["studies"], "weights"),
        "varied_architecture": first_varied(shown["studies"], "architecture"),
    }


def first_varied(studies, key):
    """The first study whose experiments differ in a key, or nothing."""
    for name, keys in studies.items():
        if len({config["experiments"][each].get(key) for each in keys["experiments"]}) > 1:
            return name
    return ""


def analyses_of(cohort, *targets):
    """The analyses that a cohort's report asks for."""
    facts = facts_of(cohort)
    return [each for each in ANALYSES if each.target in targets and all(map(facts.get, each.needs))]


def names_of(cohort, analysis):
    """What the placeholders of an analysis' files stand for: for each of its sources, or once."""
    facts = facts_of(cohort)
    names = {
        "cohort": cohort,
        "main": facts["main"],
        "label": facts["label"],
        "experiment": configuration.shown_experiments(cohort),
        "nuclei": facts["features"] and config["experiments"][facts["features"]]["features"],
        "section": section_ids(cohort),
        "study": facts["studies"],
        "ledger": ledgers_of(cohort),
        "ledger_with_ablations": [
            f"{name}{SUPPLEMENT}" for name, keys in ledgers_of(cohort).items() if keys["ablations"]
        ],
        "varied_weights": facts["varied_weights"],
        "varied_architecture": facts["varied_architecture"],
    }
    if not analysis.sources:
        return [names]
    sources = {each: config["external"][each] for each in facts[analysis.sources]}
    return [{**names, "source": each, "model": keys["model"]} for each, keys in sources.items()]


def files_of(cohort, target):
    """Files that the registry has for a target and a cohort."""
    return [
        path
        for each in analyses_of(cohort, target)
        for names in names_of(cohort, each)
        for path in expand([f"results/{{cohort}}/{file}" for file in each.shown], **names)
    ]


def pages_of(w):
    """Other pages of the cohort's report: title and path below its folder, by their category.

    Titles and order are those of the menu of Snakemake's report. Pages of `supplement` come last,
    whether they were made or not: what the first page has must not depend on when it was made.
    """
    found = {name: {} for name in CATEGORIES}
    for target in ("all", "supplement"):
        for path in files_of(w.cohort, target):
            shown, values = shown_page(path)
            if shown:
                labels = shown.labels
                if callable(labels):
                    title = labels(SimpleNamespace(**values))["item"]
                else:
                    title = labels["item"].format(**values)
                name = shown.category.title if target == "all" else "Supplement"
                file = path.removeprefix(f"results/{w.cohort}/")
                found[name][TOO_LARGE.get(file, title)] = file
    del found["First page"]
    return {name: pages for name, pages in found.items() if pages}


def shown_page(path):
    """What Snakemake's report has of a page: its menu entry and its wildcards, or nothing.

    A page that is not in it has the entry of its rule, such as of the folder that it leads to.
    """
    for made in workflow.rules if path.endswith(".html") else []:
        shown = [each.flags["report"] for each in made.output if "report" in each.flags]
        for output in made.output if shown else []:
            if output.match(path):
                return output.flags.get("report", shown[0]), output.match(path).groupdict()
    return None, {}


def about_cohort(w):
    """What was run, for the cohort's first page."""
    shown = methods(w)
    keys = config["experiments"][main_experiment(w)]
    seen = config["features"][keys["features"]] if keys.get("features") else keys
    return {
        "cohort": config["cohorts"][w.cohort]["title"],
        "paper": config["cohorts"][w.cohort]["paper"],
        "main": main_experiment(w),
        "view": seen.get("view") or "",
        "split": str(keys["split"]),
        "elsewhere": sorted(fitted_experiments(w).keys() - shown.keys()),
        "methods": shown,
    }


def front_tables(w):
    """What the cohort's first page is made of."""
    facts = facts_of(w.cohort)
    folder = f"results/{w.cohort}/tables"
    tables = {
        "dataset": f"{folder}/dataset/summary.tsv",
        "sections": f"{folder}/dataset/sections.tsv",
        "leaks": f"{folder}/leaks.tsv",
        "ceilings": f"{folder}/ceilings_summary.tsv",
        "summary": main_table("summary")(w),
        "genes": main_table("gene_performance")(w),
    }
    if facts["images"]:
        tables |= {name: f"{folder}/{name}.tsv" for name in ("comparison", "manuscript")}
    if facts["simulated"]:
        tables |= {"controls": f"{folder}/controls.tsv", "truth": f"resources/{w.cohort}/truth.tsv"}
    return tables


def mapped_units(source):
    """Sections or slides of a source that are drawn."""
    if config["external"][source]["kind"] == "sections":
        return unit_ids(source)
    return config["external"][source]["maps"] or unit_ids(source)[:MAPS_SHOWN]


def of_strata(name):
    """Input function: a table of the cohort's main experiment over the spots of each stratum."""
    return lambda w: expand(
        "results/{cohort}/tables/{experiment}/{stratum}/{name}.tsv",
        cohort=w.cohort,
        experiment=main_experiment(w),
        stratum=STRATA,
        name=name,
    )


def shown_nuclei(w):
    """Nuclear features of the cohort's spots: the features of the report's random forest."""
    return f"results/{w.cohort}/features/{nuclear_features(w)}.h5ad"


def methods(w):
    """Title, role, kind and targets of each compared experiment."""
    parts = ("composition", "features", "label", "main")
    roles = {report_of(w)[part]: part for part in parts}
    return described(configuration.shown_experiments(w.cohort), roles)


def described(names, roles):
    """Title, role, kind and targets of experiments, of which some have a role of their own."""
    of_experiments = {name: config["experiments"][name] for name in names}
    return {
        name: {
            "title": keys["title"],
            "role": "reference" if configuration.sees_held_out(name) else roles.get(name, "other"),
            "kind": keys["kind"],
            "of": keys.get("architecture") or shown_value("features", keys.get("features", "")),
            "targets": shown_value("targets", keys["targets"]),
        }
        for name, keys in of_experiments.items()
    }


def arena_of(w):
    """The cohort's arena: its keys, and the experiment or the refusal of each method."""
    if not report_of(w)["arena"]:
        refuse(
            f"configuration: cohorts.{w.cohort}.report.arena: missing; write arena: {{}}, and name"
            f" {w.cohort} under report"
        )
    if not report_of(w)["arena"]["entered"]:
        refuse(
            f"configuration: cohorts.{w.cohort}.report.arena: no method of the report can be ranked;"
            " name methods that obey"
        )
    return report_of(w)["arena"]


def entered(w):
    """Title, role and kind of each experiment that the cohort's arena scores.

    The title is that of the method, which may be of other targets.
    """
    methods = {experiment: method for method, experiment in arena_of(w)["entered"].items()}
    found = described(methods, {})
    for experiment, method in methods.items():
        found[experiment]["title"] = config["experiments"][method]["title"]
    return found


def refused(w):
    """Why methods of the cohort's arena are not scored, by their titles."""
    reasons = arena_of(w)["refused"].items()
    return {config["experiments"][name]["title"]: reason for name, reason in reasons}


def arena_reference(w):
    """The experiment that the differences of the cohort's arena are to, if one is named."""
    return arena_of(w)["entered"].get(arena_of(w)["reference"])


def arena_predictions(w):
    """Predictions of all held-out groups of each experiment of the cohort's arena."""
    return {
        name: [
            f"results/{w.cohort}/experiments/{name}/{group}/predictions.h5ad"
            for group in held_out(name)
        ]
        for name in entered(w)
    }


def shown_value(key, value):
    """The value of an experiment's key on pages: of a row that it names, the title."""
    return config[key][value]["title"] if value and key in ("features", "targets") else value


def titles_of(names):
    """Parameter function: titles of the experiments that `names` gives, by their ids."""
    return lambda w: {name: config["experiments"][name]["title"] for name in names(w)}


def studied(w):
    """Experiments of a study."""
    if w.study not in report_of(w)["studies"]:
        refuse(f"no study {w.study} in cohorts.{w.cohort}.report.studies")
    return report_of(w)["studies"][w.study]["experiments"]


def study_labels(w):
    """Title of a study and its cohort, for Snakemake's report."""
    return {"item": report_of(w)["studies"][w.study]["title"], "cohort": w.cohort}


def changed_keys(w):
    """The keys in which a study's experiments differ, with the values of each experiment."""
    keys = {name: config["experiments"][name] for name in studied(w)}
    first, *others = keys.values()
    names = dict.fromkeys(key for each in keys.values() for key in each)
    # The first follow from the architecture; the second are long lists; pages show titles anyway.
    for name in ("architecture_options", "trained_on", "title"):
        names.pop(name, None)
    differing = [key for key in names if any(each.get(key) != first.get(key) for each in others)]
    return {
        name: {key: shown_value(key, each.get(key)) for key in differing}
        for name, each in keys.items()
    }


def study_reference(w):
    """The experiment that a study compares with: the main one, or the first."""
    main = main_experiment(w)
    return main if main in studied(w) else studied(w)[0]


def alone(w):
    """Experiments that predict one gene each."""
    return list(report_of(w)["single_genes"].values())


def nuclear_features(w):
    """Name of the features of the report's random forest."""
    return config["experiments"][report_part(w, "features")]["features"]


def nuclear_view_index(w):
    """Index of the view in which the nuclei were segmented."""
    return f"results/{w.cohort}/views/{config['features'][nuclear_features(w)]['view']}/index.tsv"


def shown_factors(w):
    """Targets of the composition that the cohort's report shows."""
    return config["experiments"][report_part(w, "composition")]["targets"]


def factored_targets(w):
    """Targets, chosen on the whole cohort, whose factors the cohort's report shows."""
    return f"results/{w.cohort}/targets/{config['targets'][shown_factors(w)]['of']}/{ALL}.h5ad"


def single_gene_experiments(w):
    """Experiments that predict a gene alone, with their split and that of the main one."""
    together = config["experiments"][main_experiment(w)]["split"]
    return {
        symbol: {
            "experiment": name,
            "split_alone": config["experiments"][name]["split"],
            "split_together": together,
        }
        for symbol, name in report_of(w)["single_genes"].items()
    }
