# What a job depends on besides its input files, as parameters that say what they are. `snakemake -n`
# shows those that have changed, without the names that rules give them.
#
# Snakemake does not see what a script imports. So hashes of the code that a job runs are parameters.

# Stages without them: downloads, whose files are checked by hash, and what has no outputs.
NOT_DIGESTED = ("download", "plan", "verify", "record")

# Scripts of which only a part decides the outputs. The job that predicts a slide also downloads it,
# and a changed downloader must not predict it again.
DECIDED_BY = {"inference/predict_slide.py": "src/stnet/inference/slides.py"}

# The library's code, and hashes of the code of a script, by name of the module.
PARSED = ParsedCode()
LIBRARY = Library(CHECKOUT / "src", PARSED.of)
CODE = {}

# Identities of the input files that no rule makes; empty for others.
IDENTITIES = {}
# Seconds that the clocks of two machines may differ.
CLOCKS_APART = 60


def is_made(path):
    """Whether a rule makes a file."""
    return path.startswith("results/") or any(r.is_producer(path) for r in workflow.rules)


def identity(path):
    """Identity of a file that the user may replace; empty if a rule makes the file.

    Refuses a file of the future, as a scanner whose clock is wrong writes it: Snakemake would delete
    results that are older than their inputs.
    """
    if path not in IDENTITIES:
        IDENTITIES[path] = "" if is_made(path) else file_identity(path)
        if IDENTITIES[path] and os.path.getmtime(path) > time.time() + CLOCKS_APART:
            refuse(
                f"{path}: is dated in the future, so results would be older; touch it, and rerun"
            )
    return IDENTITIES[path]


def own_files(rule):
    """Input function: identities of the job's inputs that no rule makes, after their paths.

    Snakemake reruns a job when an input is newer than the outputs, and misses a file that was
    replaced by an older one. Outputs of rules have no identity: their dates are those of this run.
    """

    # Snakemake does not compare parameters that ask for `input`, so the inputs are found again.
    def found(wildcards):
        inputs, *_ = rule.expand_input(wildcards)
        return [f"{path}: {identity(path)}" for path in map(str, inputs) if identity(path)]

    return found


def code_of(script):
    """Hashes of a rule's script, given as in the rule, and of the library code that it imports."""
    if script not in CODE:
        name = script.removeprefix("../scripts/")
        path = CHECKOUT / DECIDED_BY.get(name, f"workflow/scripts/{name}")
        CODE[script] = LIBRARY.hashes(path)
    return CODE[script]


def value_for(w, value):
    """The value of a rule's parameter for a job."""
    if callable(value):
        return value(w)
    return value.format(**dict(w.items())) if isinstance(value, str) else value


def for_the_job(value):
    """A parameter that the job gets, and Snakemake does not compare."""
    return lambda w, input=None: value_for(w, value)


def named_parts(name, value):
    """Input functions: a parameter, or each key of a mapping, after its name."""
    keys = value if isinstance(value, dict) else getattr(value, "parts", None)
    if keys is None:
        return [lambda w: f"{name}: {value_for(w, value)!r}"]
    return [lambda w, key=key: f"{name}.{key}: {value_for(w, value)[key]!r}" for key in keys]


def with_signature(parameter):
    """The parameter, of which Snakemake need not find the arguments again for every job.

    It asks for them three times a job, and a dry run spent a tenth of its time so.
    """
    if callable(parameter):
        parameter.__signature__ = signature(parameter)
    return parameter


def set_parameters(rules):
    """Give each rule that runs a script, except `NOT_DIGESTED`, what it depends on as parameters."""
    for each in rules:
        if not each.script or Path(each.script).parent.name in NOT_DIGESTED:
            continue
        given = dict(each.params.items())
        hashes = code_of(each.script)
        compared = [part for name, value in given.items() for part in named_parts(name, value)]
        named = {"own_files": own_files(each), "digest": for_the_job(code_digest(hashes))}
        named |= {name: for_the_job(value) for name, value in given.items()}
        each.params.clear()
        each.set_params(
            *(f"code of {name}: {found}" for name, found in hashes.items()),
            *map(with_signature, compared),
            **{name: with_signature(function) for name, function in named.items()},
        )
    PARSED.keep()
