# The resolved configuration, how rules look keys up in it, and the wildcards that it allows.

NAME = "[A-Za-z0-9][A-Za-z0-9.-]*"

GENE_TABLE = "resources/genes/hgnc.tsv"
REACTOME = "resources/gene_sets/reactome.gmt"

# Files of a simulated cohort, beside those of its sections.
SIMULATED_TABLES = ["genes.tsv", "gene_sets.gmt"]


def refuse(message):
    """End with one line, as bad input does in a job; an exception would print a traceback."""
    sys.exit(f"error: {message}")


def check_braces(value, key):
    """Refuse a path with braces, which Snakemake would take for a wildcard."""
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value, 1):
            check_braces(each, f"{key}.{name}")
    elif isinstance(value, str) and re.search(r"\{.*\}", value):
        refuse(f"{key}: {value} has braces; rename it, or make a link to it without them")


try:
    configuration = Configuration(config)
    # For another run of Snakemake. The resolved configuration would undo what null takes out.
    WRITTEN = dict(config)
    config.update(configuration.resolved)
    for key in config:
        check_braces(config[key], f"configuration: {key}")
    for name in config["report"]:
        rows = {row["section"]: row for row in configuration.sections(name)}
        check_braces(rows, config["cohorts"][name]["sheet"])
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


# Their names may be wildcards of a path that was asked for. Names that the configuration itself
# gives are checked already, and are looked up in `config`.
row = or_refuse(configuration.row)
sections = or_refuse(configuration.sections)
groups = or_refuse(configuration.groups)
slide_sheet = or_refuse(configuration.slides)


def lookup(dpath, within, **names):
    """Input function: what `within` has at a path of keys, as Snakemake's function of this name.

    Snakemake's compares the path with every key of the configuration for each value, which takes
    twice as long as the rest of a dry run, and its errors do not suggest a key. `names` has names
    in the path that are no wildcards, each with an input function.
    """

    def value(w):
        given = {name: function(w) for name, function in names.items()}
        found, known = within, []
        for key in dpath.format(**dict(w.items()), **given).split("/"):
            if not found:
                refuse(f"configuration: {'.'.join(known)}: missing; fill it in")
            if key not in found:
                refuse(f"configuration: {'.'.join(known)}: no {key!r}{suggest_one(key, found)}")
            found = found[key]
            known.append(key)
        return found

    return value


def some_keys(names, **of):
    """Input function: the named keys of a row, which is looked up in the configuration."""
    found = lookup(within=config, **of)
    return lambda w: {name: found(w)[name] for name in names}


def one_of(names):
    """Wildcard constraint: one of the names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


simulated_cohorts = one_of(configuration.cohorts_from("simulated"))
section_sources = one_of(configuration.sources_of("sections"))
slide_sources = one_of(configuration.sources_of("slides"))
