# Snakemake reruns a job when its script changes, but does not see what the script imports. So a
# digest of the code that a job runs is a parameter of its rule.

# Stages without one: downloads, whose files are held to hashes, and plan, which has no outputs.
NOT_DIGESTED = ("download", "plan")

# Scripts of which only a part decides their outputs. The job that predicts a slide downloads it
# too, and a slide is not predicted again for a new downloader.
DECIDED_BY = {"inference/predict_slide.py": "src/stnet/inference/slides.py"}

DIGESTS = {}


def digest(script):
    """Hash of a rule's script, given as in the rule, and of the library code that it imports."""
    if script not in DIGESTS:
        name = script.removeprefix("../scripts/")
        path = CHECKOUT / DECIDED_BY.get(name, f"workflow/scripts/{name}")
        DIGESTS[script] = code_digest(path, CHECKOUT / "src")
    return DIGESTS[script]


def set_digests(rules):
    """Give each of the rules that runs a script, but those of `NOT_DIGESTED`, its digest."""
    for each in rules:
        if each.script and Path(each.script).parent.name not in NOT_DIGESTED:
            each.set_params(digest=digest(each.script))
