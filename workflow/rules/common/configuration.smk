# The resolved configuration, how rules look keys up in it, and the wildcards that it allows.

NAME = "[A-Za-z0-9][A-Za-z0-9.-]*"

GENE_TABLE = "resources/genes/hgnc.tsv"
REACTOME = "resources/gene_sets/reactome.gmt"

# Files of a simulated cohort, beside those of its sections.
SIMULATED_TABLES = ["genes.tsv", "gene_sets.gmt"]

# Keys of paths in which braces stand for a section or a held-out group; their models check them.
TEMPLATES = re.compile(
    r"configuration: (features\..+\.files|experiments\..+\.(predictions|trained_on))"
)


def refuse(message):
    """End with one line, as bad input does in a job; an exception would print a traceback."""
    if EXAMINED:
        examine(str(InputError(message)))
    sys.exit(f"error: {InputError(message)}")


def check_braces(value, key):
    """Refuse a path with braces, which Snakemake would take for a wildcard."""
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value, 1):
            check_braces(each, f"{key}.{name}")
    elif isinstance(value, str) and not TEMPLATES.fullmatch(key) and re.search(r"\{.*\}", value):
        refuse(f"{key}: {value} has braces; rename it, or make a link to it without them")


def sections(cohort):
    """Rows of a cohort's section sheet. What looks odd in it is said once, when it is read."""
    with collect_warnings() as odd:
        rows = or_refuse(configuration.sections)(cohort)
    if workflow.is_main_process:
        for each in odd:
            print(f"warning: {each}", file=sys.stderr)
    return rows


def or_refuse(function):
    """The same function, ending with one line on bad input."""

    def checked(*arguments):
        try:
            return function(*arguments)
        except InputError as error:
            refuse(error)

    return checked


try:
    check_as_written(workflow.configfiles)
    configuration = Configuration(config)
    # The configuration as written, for nested runs; in the resolved one, parts removed by null would
    # return.
    WRITTEN = dict(config)
    config.update(configuration.resolved)
    for key in config:
        check_braces(config[key], f"configuration: {key}")
    for name in config["report"]:
        rows = {row["section"]: row for row in sections(name)}
        check_braces(rows, config["cohorts"][name]["sheet"])
    simulated = configuration.cohorts_from("simulated")
    made = [f"resources/{name}/{file}" for name in simulated for file in SIMULATED_TABLES]
    configuration.check_files([GENE_TABLE, REACTOME, *made])
except InputError as error:
    refuse(error)


# Their names may be wildcards of a path that was asked for. Names that the configuration itself
# gives are checked already, and are looked up in `config`.
row_of = or_refuse(configuration.row)
groups = or_refuse(configuration.groups)
slide_sheet = or_refuse(configuration.slides)
check_weights = or_refuse(configuration.check_weights)


def configured(path, **names):
    """Input function: what the configuration has at a path of keys, such as `features/{features}`.

    Snakemake's `lookup` compares the path with every key of the configuration for each value, which
    takes twice as long as the rest of a dry run, and its errors do not suggest a key. `names` are
    names in the path that are not wildcards, each with an input function.
    """

    def value(w):
        given = {name: function(w) for name, function in names.items()}
        found, known = config, []
        for key in path.format(**dict(w.items()), **given).split("/"):
            if not found:
                refuse(f"configuration: {'.'.join(known)}: missing; fill it in")
            if key not in found:
                refuse(f"configuration: {'.'.join(known)}: no {key!r}{suggest_one(key, found)}")
            found = found[key]
            known.append(key)
        return found

    return value


def some_keys(keys, path, **names):
    """Input function: the given keys of the configuration's row at a path (see `configured`)."""
    found = configured(path, **names)

    def values(w):
        row = found(w)
        return {key: row[key] for key in keys}

    # Each key is compared by itself (digest.smk).
    values.parts = keys
    return values


def one_of(names):
    """Wildcard constraint: one of the names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


simulated_cohorts = one_of(configuration.cohorts_from("simulated"))
section_sources = one_of(configuration.sources_of("sections"))
slide_sources = one_of(configuration.sources_of("slides"))
