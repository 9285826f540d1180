# Inputs of a cohort's figures, tables and ledger, by what its configuration has under `report`.


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


def answering_tables(w):
    """Tables that answer claims, under the names by which the library knows them."""
    main, label = report_of(w)["main"], report_of(w)["label"]
    tables = {"dataset": f"results/{w.cohort}/tables/dataset/summary.tsv"}
    if report_of(w)["colocalisation"]:
        tables["colocalisation_st"] = f"results/{w.cohort}/tables/colocalisation/summary.tsv"
    if config["experiments"][main]["kind"] == "label":
        # Without images the main experiment is the label baseline; the paper's claims about ST-Net do
        # not apply to it.
        tables["label_summary"] = table_of(w, main, "summary")
        return tables
    tables["summary"] = table_of(w, main, "summary")
    tables["genes"] = table_of(w, main, "gene_performance")
    tables["patients"] = table_of(w, main, "patient_performance")
    if label:
        tables["label_summary"] = table_of(w, label, "summary")
        tables["against_label"] = table_of(w, main, f"against-{label}")
    for each in analyses_of(report_of(w)):
        for name, file in each.tables.items():
            tables[name] = f"results/{w.cohort}/{file.format(main=main)}"
    return tables | external_answers(w)[0]


def ablation_tables(w):
    """Tables of the ablations that answer claims, likewise."""
    folder = f"results/{w.cohort}/tables"
    tables = {}
    for study, keys in report_of(w)["studies"].items():
        for key in ("weights", "architecture"):
            if len({config["experiments"][name].get(key) for name in keys["experiments"]}) > 1:
                tables.setdefault(f"study_{key}", f"{folder}/studies/{study}.tsv")
    if report_of(w)["single_genes"]:
        tables["single_genes"] = f"{folder}/single_genes_summary.tsv"
    return tables


def ledger_tables(w):
    """Tables that a ledger looks claims up in: those of `all`, or the ablations' too."""
    return answering_tables(w) | (ablation_tables(w) if w.ledger == "ledger-supplement" else {})


def ledger_rules(w):
    """The rule that makes each of the ledger's tables."""
    return {
        name: each.name
        for name, path in ledger_tables(w).items()
        for each in workflow.rules
        if any(output.match(path) for output in each.output)
    }
