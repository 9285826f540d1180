# The files that `all`, `supplement` and `predict` make.

# Slides whose predictions are drawn where none are named.
MAPS_SHOWN = 2


def results(w):
    """Everything that the cohorts named under `report` show."""
    files = []
    for name in config["report"]:
        folder = f"results/{name}"
        shown = config["cohorts"][name]["report"]
        main, label = shown["main"], shown["label"]
        figures = ["fig_1b", "fig_1c", "fig_1d", "supp_1a", "supp_1b", "fig_2a", "fig_2b"]
        if config["experiments"][main]["kind"] == "network":
            figures.append("learning_curve")
        if label:
            figures.append("fig_2d")
            files.append(f"{folder}/tables/{main}/all/against-{label}.tsv")
        if config["cohorts"][name]["source"] == "simulated":
            files.append(f"{folder}/tables/{main}/all/control.tsv")
            files.append(f"{config['cohorts'][name]['root']}/metadata.csv")
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
    """Files of the analyses that a cohort's report asks for."""
    shown = config["cohorts"][name]["report"]
    # A cohort without images has labels as its main experiment, which no analysis is about.
    if config["experiments"][shown["main"]]["kind"] == "label":
        return []
    nuclei = shown["features"] and config["experiments"][shown["features"]]["features"]
    return expand(
        [file for each in analyses_of(shown) for file in each.shown],
        nuclei=nuclei,
        section=section_ids(name),
    )


def ablations(w):
    """What the target `supplement` adds to `all`: the studies of the cohorts under `report`."""
    files = []
    for name in config["report"]:
        folder, shown = f"results/{name}", config["cohorts"][name]["report"]
        for study in shown["studies"]:
            files.append(f"{folder}/tables/studies/{study}.html")
            files.append(f"{folder}/figures/studies/{study}.png")
        if shown["single_genes"]:
            files.append(f"{folder}/figures/supp_12.png")
        if shown["studies"] or shown["single_genes"]:
            files.append(f"{folder}/ledger-supplement.tsv")
    return files


def external_results(name):
    """Files that a cohort's report shows of external sections and slides."""
    folder, shown = f"results/{name}", config["cohorts"][name]["report"]
    main, files = shown["main"], []
    if shown["colocalisation"]:
        files += [f"{folder}/tables/colocalisation/summary.tsv", f"{folder}/figures/supp_3.png"]
    for each in shown["visium"]:
        files.append(of_source(name, main, each, "visium.tsv"))
        files += [
            map_of(name, main, each, section)
            for section in section_ids(config["external"][each]["cohort"])
        ]
    if shown["visium"]:
        files += [f"{folder}/figures/{figure}.png" for figure in ("fig_2c", "supp_2")]
        files.append(f"{folder}/tables/visium.html")
    for each in shown_slides(name):
        files.append(of_source(name, main, each, "tcga.html"))
        files.append(of_source(name, main, each, "subtype_roc.png"))
        slides = config["external"][each]["maps"] or unit_ids(each)[:MAPS_SHOWN]
        files += [map_of(name, main, each, slide) for slide in slides]
    return files


def own_results(w):
    """What the target `predict` makes."""
    if not own:
        refuse("predict.slides, predict.visium: both are empty; name what to predict (README)")
    return expand("results/predict/{name}/{file}", name=own, file=["map.png", "summary.tsv"])
