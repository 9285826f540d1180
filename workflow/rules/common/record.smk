# What the record of a run is made of, besides its certificate.

from stnet.checks.certificate import read_certificate


def formats_of(cohort):
    """Formats of the cohort's sections."""
    return sorted({row["format"] for row in sections(cohort)})


def training_cohort(w):
    """The cohort of a model, for its card."""
    keys = config["cohorts"][w.cohort]
    return {key: keys.get(key) for key in ("title", "source", "dataset")} | {
        "formats": formats_of(w.cohort)
    }


def recorded(w):
    """The configuration, resolved and as given, and rule, benchmark and log of each certified job.

    In the resolved one, cohorts that have sections here have their formats too.
    """
    cohorts = {
        name: keys | {"formats": formats_of(name)}
        for name, keys in config["cohorts"].items()
        if Path(f"results/{name}/sections").is_dir()
    }
    there = Path(CERTIFICATE).is_file()
    files = or_refuse(read_certificate)(CERTIFICATE).files.values() if there else []
    known, jobs = {each.name: each for each in workflow.rules if each.benchmark}, []
    for name, job in sorted({(each.rule, each.job) for each in files if each.part == "outputs"}):
        if name in known and (match := known[name].output[0].match(job)):
            paths = (known[name].benchmark, known[name].log[0])
            jobs.append((name, *(str(each.apply_wildcards(match.groupdict())) for each in paths)))
    return {"config": {**config, "cohorts": cohorts}, "written": WRITTEN, "jobs": jobs}
