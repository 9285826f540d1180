# External sections and slides.

EXTERNAL_TABLES = "results/{cohort}/tables/{experiment}/{source}/{model}"

# Columns of the slide sheet that the predictions of a slide depend on, and those of its patient.
SLIDE_KEYS = ["patient", "sample", "slide", "file", "file_id", "md5", "size"]
PATIENT_KEYS = ["patient", "sample"]


def source_cohort(w):
    """The cohort whose sections a source is."""
    return config["external"][w.source]["cohort"]


def tile_cut(w):
    """How slides of a source are cut into tiles, and at which scale."""
    keys = config["external"][w.source]
    return {**keys["tiles"], "scale": keys["scale"]}


def slide_rows(name):
    """Rows of the slide sheet of a source, which must have been written."""
    rows = slide_sheet(name)
    if rows is None:
        sheet = config["external"][name]["sheet"]
        refuse(f"external.{name}: no slide sheet {sheet}; `snakemake {sheet_rule(name)}` writes it")
    return rows


def sheet_rule(name):
    """The rule that writes the slide sheet of a source."""
    is_simulated = config["external"][name]["source"] == "simulated"
    return "simulate_slide_sheet" if is_simulated else "tcga_sheet"


@cache
def slides_by_id(name):
    """Rows of the slide sheet of a source by slide: thousands of jobs each look up their own."""
    return {row["slide"]: row for row in slide_rows(name)}


def slide_row(name, slide, keys):
    """Columns of a slide's row in the slide sheet of a source: those that a job depends on."""
    if slide not in slides_by_id(name):
        refuse(f"no slide {slide} in {config['external'][name]['sheet']}")
    return {key: slides_by_id(name)[slide][key] for key in keys}


@cache
def bulk_rows(name):
    """The first row of each sample that has bulk expression, by sample."""
    rows = {row["sample"]: row for row in reversed(slide_rows(name)) if row["expression"]}
    return dict(sorted(rows.items()))


def expression_of(name, sample):
    """Where the bulk expression of a sample is, as the slide sheet has it."""
    row = bulk_rows(name)[sample]
    return {key: row[key] for key in ("expression", "expression_md5", "expression_size")}


def sheet_source(name):
    """The first source with the slide sheet of a source: variants share its bulk expression."""
    sheet = config["external"][name]["sheet"]
    same = [
        n for n in configuration.sources_of("slides") if config["external"][n]["sheet"] == sheet
    ]
    return same[0]


def unit_ids(name):
    """Sections or slides of a source."""
    keys = config["external"][name]
    if keys["kind"] == "sections":
        return section_ids(keys["cohort"])
    return [row["slide"] for row in slide_rows(name)]


def unit_predictions(w):
    """Predictions of every section or slide of a source, under a model."""
    return expand(
        "results/{cohort}/external/{source}/{experiment}/{model}/{unit}.h5ad",
        cohort=w.cohort,
        source=w.source,
        experiment=w.experiment,
        model=w.model,
        unit=unit_ids(w.source),
    )


def members(w):
    """Held-out groups of a model's networks."""
    experiment_of(w)
    if w.model == ALL:
        return [ALL]
    if w.model == "ensemble":
        return held_out(w.experiment)
    group_sections(groups(w.experiment), w.model)
    return [w.model]


def model_targets(w):
    """The targets that a model's members were trained on."""
    keys = experiment_of(w)
    if not configuration.fitted(keys["targets"]):
        return f"results/{w.cohort}/targets/{keys['targets']}/{ALL}.h5ad"
    if w.model == "ensemble":
        refuse(f"targets {keys['targets']} differ between held-out groups: they have no ensemble")
    return f"results/{w.cohort}/targets/{keys['targets']}/{w.model}.h5ad"


def member_files(name):
    """Input function: a file of the training job of each member of a model."""
    return lambda w: expand(
        "results/{cohort}/experiments/{experiment}/{member}/{name}",
        cohort=w.cohort,
        experiment=w.experiment,
        member=members(w),
        name=name,
    )


def listed_sources(name):
    """Where the slide sheets of sources under `report` are written, and of which project they are.

    `name` is the archive that the sheets are written from: `gdc`, or `simulated`.
    """
    shown = [
        each
        for cohorts in config["report"]
        for each in config["cohorts"][cohorts]["report"]["slides"]
    ]
    sources = {each: config["external"][each] for each in dict.fromkeys(map(sheet_source, shown))}
    found = [
        {"source": each, "sheet": keys["sheet"], "project": keys["project"]}
        for each, keys in sources.items()
        if keys["source"] == name
    ]
    if not found:
        refuse(f"no cohort under `report` has slides of a source that is {name}: nothing to write")
    return found


def simulated_archive(w):
    """The folder that a simulated source's files are taken from; nothing for the real archive."""
    return (
        f"resources/{w.source}/gdc" if config["external"][w.source]["source"] == "simulated" else []
    )


def of_source(cohort, main, name, file):
    """A file of the tables of an external source under the model its configuration names."""
    model = config["external"][name]["model"]
    return f"results/{cohort}/tables/{main}/{name}/{model}/{file}"


def of_model(title):
    """Label function for Snakemake's report: the source of a page of a model, and its cohort.

    In `title`, {source} stands for the source's title, and {patient} for the patient of a page to
    look at sections. The model is named where it is not the one that the source's row names.
    """

    def labels(w):
        keys = config["external"][w.source]
        item = title.format(source=keys["title"], patient=getattr(w, "patient", "each patient"))
        model = "" if w.model == keys["model"] else f", model {w.model}"
        return {"item": item + model, "cohort": w.cohort}

    return labels


def shown_slides(name):
    """Sources of slides that a cohort's report shows: those whose sheet has been written."""
    return [
        each
        for each in config["cohorts"][name]["report"]["slides"]
        if slide_sheet(each) is not None
    ]


def shown_visium(file):
    """Input function: a table of the first Visium source that the cohort's report shows."""
    return lambda w: of_source(w.cohort, main_experiment(w), report_part(w, "visium")[0], file)


def shown_alignments(w):
    """Which genes the first Visium source that the cohort's report shows measures."""
    name, main = report_part(w, "visium")[0], main_experiment(w)
    return expand(
        "results/{cohort}/external/{source}/{experiment}/{model}/{unit}.alignment.tsv",
        cohort=w.cohort,
        source=name,
        experiment=main,
        model=config["external"][name]["model"],
        unit=unit_ids(name),
    )


def colocalisation_tables(w):
    """Tables of the co-localisation in the cohort, and in the slides that its report shows."""
    names = ("patients", "pairs", "summary")
    tables = {"sections": [f"results/{w.cohort}/tables/colocalisation/{n}.tsv" for n in names]}
    files = ("colocalisation.tsv", "colocalisation_pairs.tsv", "colocalisation_summary.tsv")
    for name in shown_slides(w.cohort)[:1]:
        tables["slides"] = [of_source(w.cohort, main_experiment(w), name, file) for file in files]
    return tables


if workflow.is_main_process and "predict" not in sys.argv:
    for name in config["report"]:
        for each in set(config["cohorts"][name]["report"]["slides"]) - set(shown_slides(name)):
            sheet = config["external"][each]["sheet"]
            # Snakemake's logger would say nothing under --quiet.
            print(
                f"external.{each}: no slide sheet {sheet} yet, so it is left out;"
                f" `snakemake {sheet_rule(each)}` writes it, to be reviewed and committed",
                file=sys.stderr,
            )
