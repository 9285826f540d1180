# The configuration as the rules ask for it, and the wildcards that it allows.

NAME = "[A-Za-z0-9][A-Za-z0-9.-]*"

GENE_TABLE = "resources/genes/hgnc.tsv"
REACTOME = "resources/gene_sets/reactome.gmt"

# What a simulated cohort has beside its sections' files.
SIMULATED_TABLES = ["genes.tsv", "gene_sets.gmt"]


def refuse(message):
    """End with one line, as bad input does in a job; an exception would bring its surroundings."""
    sys.exit(f"error: {message}")


def check_braces(value, key):
    """Refuse a path with a word in braces, which Snakemake would take for a wildcard."""
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value, 1):
            check_braces(each, f"{key}.{name}")
    elif isinstance(value, str) and re.search(r"\{.*\}", value):
        refuse(f"{key}: {value} has braces; rename it, or make a link to it without them")


try:
    configuration = Configuration(config)
    # What another run of Snakemake is given: what null takes out would come back from the resolved.
    WRITTEN = dict(config)
    config.update(configuration.resolved)
    for key in config:
        check_braces(config[key], f"configuration: {key}")
    for name in config["report"]:
        rows = {row["section"]: row for row in configuration.sections(name)}
        check_braces(rows, configuration.cohort(name)["sheet"])
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


def one_of(names):
    """Wildcard constraint: one of the names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


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
simulated_slides = one_of(
    [
        name
        for name in configuration.sources_of("slides")
        if configuration.source(name)["source"] == "simulated"
    ]
)
