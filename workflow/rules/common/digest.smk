# Snakemake reruns a job when its script changes, but does not see what the script imports. So a
# digest of the code that a job runs is a parameter of its rule.

# Stages without one: downloads, whose files are checked by hash, and plan, which has no outputs.
NOT_DIGESTED = ("download", "plan")

# Scripts of which only a part decides the outputs. The job that predicts a slide also downloads it,
# and a changed downloader must not predict it again.
DECIDED_BY = {"inference/predict_slide.py": "src/stnet/inference/slides.py"}

DIGESTS = {}

# Identities of the input files that no rule makes; empty for others.
IDENTITIES = {}


def is_made(path):
    """Whether a rule makes a file."""
    return path.startswith("results/") or any(r.is_producer(path) for r in workflow.rules)


def identity(path):
    """Identity of a file that the user may replace; empty if a rule makes the file."""
    if path not in IDENTITIES:
        IDENTITIES[path] = "" if is_made(path) else file_identity(path)
    return IDENTITIES[path]


def own_files(rule):
    """Input function: identities of the job's inputs that no rule makes.

    Snakemake reruns a job when an input is newer than the outputs, and misses a file that was
    replaced by an older one. Outputs of rules have no identity: their dates are those of this run.
    """

    # Snakemake does not compare parameters that ask for `input`, so the inputs are found again.
    def found(wildcards):
        inputs, *_ = rule.expand_input(wildcards)
        return [about for about in map(identity, map(str, inputs)) if about]

    return found


def digest(script):
    """Hash of a rule's script, given as in the rule, and of the library code that it imports."""
    if script not in DIGESTS:
        name = script.removeprefix("../scripts/")
        path = CHECKOUT / DECIDED_BY.get(name, f"workflow/scripts/{name}")
        DIGESTS[script] = code_digest(path, CHECKOUT / "src")
    return DIGESTS[script]


def set_digests(rules):
    """Give each rule that runs a script its digest and its own files, except `NOT_DIGESTED`."""
    for each in rules:
        if each.script and Path(each.script).parent.name not in NOT_DIGESTED:
            each.set_params(digest=digest(each.script), own_files=own_files(each))
