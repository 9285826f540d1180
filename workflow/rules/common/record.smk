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
    made = {each.name: each for each in workflow.rules}
    files = or_refuse(read_certificate)(CERTIFICATE).files.values()
    first = {each.job: made[each.rule] for each in files if each.job and each.rule in made}
    found = {job: (rule, rule.output[0].match(job)) for job, rule in first.items()}
    return {
        job: (
            rule.name,
            *(f.apply_wildcards(match.groupdict()) for f in (rule.benchmark, rule.log[0])),
        )
        for job, (rule, match) in found.items()
        if match and rule.benchmark
    }
