# The files that `all`, `supplement` and `predict` make.


def results(w):
    """Everything that the cohorts named under `report` show."""
    # Nothing depends on a simulated archive's table, so it is named here.
    simulated = [name for name in config["report"] if facts_of(name)["simulated"]]
    tables = [f"{config['cohorts'][name]['root']}/metadata.csv" for name in simulated]
    return [*shown_files("all"), *tables]


def ablations(w):
    """What the target `supplement` adds to `all`: the studies of the cohorts under `report`."""
    return shown_files("supplement")


def shown_files(target):
    """Files that the registry has for a target and the cohorts under `report`, each once."""
    return list(
        dict.fromkeys(path for cohort in config["report"] for path in files_of(cohort, target))
    )


def own_results(w):
    """What the target `predict` makes."""
    if not own:
        refuse("predict.slides, predict.sections: both are empty; name what to predict (README)")
    files = ("map.png", "viewer.html", "summary.tsv")
    return [f"{OWN_RESULTS}/{name}/{file}" for name in own for file in files]


def arena_pages(w):
    """What the target `arena` makes: a page for each cohort under `report` that has an arena."""
    found = [name for name in config["report"] if config["cohorts"][name]["report"]["arena"]]
    if not found:
        refuse(
            "configuration: cohorts: none under report has an arena; write arena: {} into the"
            " report of one"
        )
    return expand("results/{cohort}/tables/arena.html", cohort=found)
