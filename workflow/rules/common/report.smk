# Inputs of a cohort's figures, tables and ledger, by what its configuration has under `report`.

from contextlib import chdir

from stnet.core.printed import unit_in_words

# The folder of the run, which Snakemake leaves before the last lines are printed.
FOLDER = os.getcwd()
# What the paper says.
PAPER_CLAIMS = "resources/paper/claims.tsv"
# What makes a cohort's numbers doubtful.
WARNINGS = "results/{cohort}/tables/warnings.tsv"
# Ends the name of a ledger that has the ablations too.
SUPPLEMENT = "-supplement"


# The menu of Snakemake's report, in its order.
CATEGORIES = [
    *["First page", "Ledger", "Data", "Performance", "External data", "Within tissue"],
    *["Comparison", "Interpretation", "Latent space", "Supplement"],
]


def category(name):
    """Category of Snakemake's report, numbered among those that the report has.

    The menu is in alphabetical order, so there are at most ten: numbers are from 0 on.
    """

    def numbered(w):
        outputs = [each for job in workflow.dag.jobs for each in job.rule.output]
        found = {each.flags["report"].category.title for each in outputs if "report" in each.flags}
        return f"{sorted(found, key=CATEGORIES.index).index(name)} {name}"

    numbered.title = name
    return numbered


def print_last_lines():
    """Print what a run made: pages to open, or predictions, each with its stored warnings.

    Snakemake's own `onsuccess` leaves out runs in which nothing is to be done, or a job fails.
    """
    if not (workflow.scheduler and workflow.is_main_process) or workflow.dryrun:
        return
    # With allowed rules, as when `verify` runs a job again, the jobs are not all that are needed.
    if not workflow.dag_settings.allowed_rules:
        with chdir(FOLDER):
            print_first_pages()
            print_own_results()
            certify()


def jobs_made(*rules):
    """Jobs of rules, each with whether its outputs are there. Names may have a module's prefix."""
    dag = workflow.dag
    found = [job for job in dag.jobs if job.rule.name.endswith(rules)]
    return [(job, not dag.needrun(job) or has_finished(job)) for job in found]


def has_finished(job):
    """Whether a job of this run has finished. With `--touch` none has, where outputs are missing."""
    return workflow.dag.finished(job) and all(map(os.path.lexists, job.output))


def print_first_pages():
    """Print the page to open of each cohort, and its stored warnings."""
    for job, made in sorted(jobs_made("front"), key=lambda each: each[0].wildcards.cohort):
        cohort = job.wildcards.cohort
        title = config["cohorts"][cohort]["title"]
        if made:
            print(f"{title}: open {job.output.html}")
            print_warnings(stored_rows(job.output.warnings))
        else:
            print(f"{title}: not finished; the reason is above, and in results/{cohort}/logs")


def stored_rows(path):
    """Quantity and value of each row of a table."""
    with open(path, encoding="utf-8", newline="") as table:
        return [row[:2] for row in csv.reader(table, delimiter="\t")]


def print_warnings(rows):
    """Print the warnings among quantities and values."""
    for quantity, value in rows:
        if quantity == "warning":
            print(f"  warning: {value}")


def report_of(w):
    """The cohort's `report` section: what its tables and figures show."""
    if not row_of("cohorts", w.cohort)["report"]:
        refuse(f"cohorts.{w.cohort}.report: missing in the configuration; fill it in")
    return config["cohorts"][w.cohort]["report"]


def report_part(w, name):
    """A required key of a cohort's report."""
    if not report_of(w)[name]:
        refuse(f"cohorts.{w.cohort}.report.{name}: missing in the configuration; fill it in")
    return report_of(w)[name]


def main_experiment(w):
    """The cohort's main experiment."""
    return report_of(w)["main"]


def main_title(w):
    """Title of the cohort's main experiment."""
    return config["experiments"][main_experiment(w)]["title"]


def part_title(name):
    """Parameter function: title of the experiment of a part of the report."""
    return lambda w: config["experiments"][report_part(w, name)]["title"]


def main_formula(w):
    """What log expression is in the main experiment, for captions."""
    targets = config["targets"][config["experiments"][main_experiment(w)]["targets"]]
    # Factors of a composition are mapped back to these genes.
    of_genes = config["targets"][targets["of"]] if "of" in targets else targets
    return unit_in_words(of_genes["transform"])


def table_of(w, experiment, name):
    """A table of the performance of an experiment over all spots."""
    return f"results/{w.cohort}/tables/{experiment}/all/{name}.tsv"


def tables_of(names, table):
    """Input function: a table of the performance of each of the experiments that `names` gives."""
    return lambda w: [table_of(w, name, table) for name in names(w)]


def main_table(name):
    """Input function: a table of the cohort's main experiment."""
    return lambda w: table_of(w, main_experiment(w), name)


def against_main(name):
    """Input function: the comparison of the main experiment with another part of the report."""
    return lambda w: table_of(w, main_experiment(w), f"against-{report_part(w, name)}")


def of_main(name):
    """Input function: a file of every held-out group of the cohort's main experiment."""
    return lambda w: expand(
        "results/{cohort}/experiments/{experiment}/{held_out}/{name}",
        cohort=w.cohort,
        experiment=main_experiment(w),
        held_out=held_out(main_experiment(w)),
        name=name,
    )


def shown_predictions(w):
    """Predictions of all held-out groups of the experiments that the cohort's report shows."""
    return [
        f"results/{w.cohort}/experiments/{name}/{group}/predictions.h5ad"
        for name in configuration.shown_experiments(w.cohort)
        for group in held_out(name)
    ]


def main_smoothing(w):
    """What smoothing averages in the main experiment."""
    return config["experiments"][main_experiment(w)]["smoothing"]


def main_view_index(w):
    """Index of the main experiment's view."""
    return f"results/{w.cohort}/views/{main_network(w)['view']}/index.tsv"


def main_network(w):
    """Keys of the cohort's main experiment. Raises an error unless it is a network."""
    keys = config["experiments"][main_experiment(w)]
    if keys["kind"] != "network":
        refuse(f"cohorts.{w.cohort}.report.main: {main_experiment(w)} is not a network")
    return keys


def map_genes(w):
    """Genes of the maps of external sections and slides."""
    return report_of(w)["map_genes"] or list(filter(None, [report_of(w)["gene"]]))


def compared(w):
    """What Fig. 2b compares: the main experiment, labels, nuclear features and composition."""
    parts = ("main", "label", "features", "composition")
    return [report_of(w)[part] for part in parts if report_of(w)[part]]


def main_targets(w):
    """Targets of the main experiment, chosen on the whole cohort."""
    targets = config["experiments"][main_experiment(w)]["targets"]
    return f"results/{w.cohort}/targets/{targets}/{ALL}.h5ad"


def ledgers_of(cohort):
    """Claims of a cohort's report, by the name of their ledger."""
    claims = config["cohorts"][cohort]["report"]["claims"].items()
    # Those about this cohort first.
    ordered = sorted(claims, key=lambda each: each[1]["other_cohort"])
    return {f"ledger-{name}": keys for name, keys in ordered}


def paper_claims(w):
    """The paper's claims, if its numbers go beside the cohort's: it is the paper's, or it asks."""
    keys = config["cohorts"][w.cohort]
    asked = keys["report"] and PAPER_CLAIMS in [
        each["table"] for each in keys["report"]["claims"].values()
    ]
    return PAPER_CLAIMS if keys["paper"] or asked else []


def claims_of(w):
    """Claims of a ledger."""
    report_of(w)
    ledgers = ledgers_of(w.cohort)
    name = w.ledger if w.ledger in ledgers else w.ledger.removesuffix(SUPPLEMENT)
    if name not in ledgers:
        refuse(f"no {name}: cohorts.{w.cohort}.report.claims has {', '.join(ledgers) or 'none'}")
    return ledgers[name]


def claims_table(w):
    """Table of a ledger's claims. What cannot be judged is refused before the run."""
    or_refuse(check_claims)(claims_of(w)["table"])
    return claims_of(w)["table"]


def performance_labels(w):
    """Experiment and spots of a page on performance, for Snakemake's report."""
    spots = "" if w.stratum == "all" else f", {w.stratum} spots"
    title = config["experiments"][w.experiment]["title"]
    return {"item": f"Gene by gene: {title}{spots}", "cohort": w.cohort}


def ledger_labels(w):
    """Title of a ledger and its cohort, for Snakemake's report."""
    ablations = " (with ablations)" if w.ledger.endswith(SUPPLEMENT) else ""
    return {"item": claims_of(w)["title"] + ablations, "cohort": w.cohort}


def answering_analyses(w):
    """The analyses whose tables a ledger reads, each with the names of its first source."""
    report_of(w)
    targets = ("all", "supplement") if w.ledger.endswith(SUPPLEMENT) else ("all",)
    found = [(each, names_of(w.cohort, each)) for each in analyses_of(w.cohort, *targets)]
    return [(each, names[0]) for each, names in found if names]


def ledger_tables(w):
    """Tables that a ledger looks claims up in: those of `all`, or the supplement's too."""
    return {
        table: f"results/{w.cohort}/{file.format(**names)}"
        for each, names in answering_analyses(w)
        for table, file in each.tables.items()
    }


def tables_of_other_data(w):
    """Tables computed from other data than the claims', which the paper's cohort may be shown with."""
    if not config["cohorts"][w.cohort]["paper"]:
        return []
    return [
        table
        for each, names in answering_analyses(w)
        if each.other_data or (each.sources and not config["external"][names["source"]]["paper"])
        for table in each.tables
    ]


def ledger_rules(w):
    """The rule that makes each of the ledger's tables."""
    return {
        name: each.name
        for name, path in ledger_tables(w).items()
        for each in workflow.rules
        if any(output.match(path) for output in each.output)
    }


def fitted_experiments(w, supplement=True):
    """What each experiment of the cohort's report and its supplement fits on, by its id."""
    report_of(w)
    keys = ("kind", "split", "targets", "inner_folds", "features", "weights")
    names = configuration.shown_experiments(w.cohort, supplement=supplement)
    return {
        name: {key: config["experiments"][name].get(key) for key in keys}
        | {"sees_held_out": configuration.sees_held_out(name)}
        for name in names
    }


def fitted_targets(w):
    """How the targets of these experiments choose genes, and the files that `all` makes of them."""
    made = {row["targets"] for row in fitted_experiments(w, supplement=False).values()}
    found = {}
    for name in sorted({row["targets"] for row in fitted_experiments(w).values()}):
        keys = config["targets"][name]
        of_genes = config["targets"][keys["of"]] if "of" in keys else keys
        groups = held_out_groups(sections(w.cohort), keys["split"])
        names = groups if configuration.fitted(name) else [ALL]
        folder = f"results/{w.cohort}/targets/{name}"
        found[name] = {key: of_genes[key] for key in ("genes", "choice")} | {
            "split": keys["split"],
            "files": {each: f"{folder}/{each}.h5ad" for each in names if name in made},
        }
    return found


def features_of_others(w):
    """Features that other programs made, of the experiments that `all` makes."""
    named = {row["features"] for row in fitted_experiments(w, supplement=False).values()}
    handed = named.intersection(configuration.features_of("precomputed"))
    return [f"results/{w.cohort}/features/{name}.h5ad" for name in sorted(handed)]


def weights_of_others(w):
    """Files of initial weights, and of the encoders, by the row that names them."""
    found = {}
    for name, row in fitted_experiments(w).items():
        found[name] = row["weights"]
        if row["features"]:
            found[row["features"]] = config["features"][row["features"]].get("weights")
    return {n: path for n, path in found.items() if path not in (None, IMAGENET, RANDOM)}


def lab_experiment(cohort):
    """The ridge regression in which leaks are planted: the first of the cohort's report, or none."""
    shown = configuration.shown_experiments(cohort, supplement=True)
    ridges = [name for name in shown if config["experiments"][name]["kind"] == "ridge"]
    return ridges[0] if ridges else None


def lab_keys(w):
    """Keys of that experiment and of its targets, which must have a number of genes."""
    report_of(w)
    name = lab_experiment(w.cohort)
    if not name:
        refuse(f"cohorts.{w.cohort}.report.others: no experiment of kind ridge to plant leaks in")
    keys = config["experiments"][name]
    targets = config["targets"][keys["targets"]]
    if not isinstance(targets.get("genes"), int):
        refuse(f"experiments.{name}.targets: leaks need a number of genes to choose, not a list")
    return {
        "features": keys["features"],
        "components": keys["components"],
        **{key: targets[key] for key in ("genes", "transform")},
    }


def leak_labs(w):
    """Pages of the cohorts under `report` that have an experiment to plant leaks in."""
    cohorts = list(filter(lab_experiment, config["report"]))
    if not cohorts:
        refuse("report: no cohort whose report has an experiment of kind ridge to plant leaks in")
    return expand("results/{cohort}/tables/leak_lab.html", cohort=cohorts)
