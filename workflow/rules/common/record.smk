# What the record of a run is made of, besides its certificate.

from stnet.checks.certificate import read_certificate


def about_model(w):
    """Titles and data of a model, for its card."""
    keys = config["cohorts"][w.cohort]
    return {
        "experiment": config["experiments"][w.experiment]["title"],
        "cohort": keys["title"],
        "facts": [
            f"source={keys['source']}",
            f"dataset={keys.get('dataset')}",
            *(f"format={each}" for each in formats_of(w.cohort)),
        ],
    }


def formats_of(cohort):
    """Formats of the cohort's sections."""
    return sorted({row["format"] for row in sections(cohort)})


def recorded_config(w):
    """The resolved configuration; cohorts that have sections here have their formats too."""
    found = {
        name: keys | {"formats": formats_of(name)}
        for name, keys in config["cohorts"].items()
        if Path(f"results/{name}/sections").is_dir()
    }
    return {**config, "cohorts": found}


def recorded_jobs(w):
    """Rule, benchmark and log of each certified job, by its first output."""
    if not Path(CERTIFICATE).is_file():
        return {}
    known = {each.name: each for each in workflow.rules if each.benchmark}
    files = or_refuse(read_certificate)(CERTIFICATE).files.values()
    found = {}
    for name, job in {(each.rule, each.job) for each in files}:
        if name in known and (match := known[name].output[0].match(job)):
            paths = (known[name].benchmark, known[name].log[0])
            named = (str(each.apply_wildcards(match.groupdict())) for each in paths)
            found[job] = (name, *named)
    return dict(sorted(found.items()))
