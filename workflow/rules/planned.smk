# Inputs of the plan: how to ask for pending jobs, and the networks.


def network_jobs(name):
    """The held-out groups of an experiment with a network, and the files of their jobs.

    The network of all patients predicts no held-out spots.
    """
    keys = config["experiments"][name]
    folder = f"results/{keys['cohort']}/experiments/{name}"
    of_all = {
        ALL: {"sections": [], "model": f"{folder}/{ALL}/model.safetensors", "predictions": ""}
    }
    shown = config["cohorts"][keys["cohort"]]["report"]
    sources = [*shown["visium"], *shown_slides(keys["cohort"])] if name == shown["main"] else []
    needs_all = any(config["external"][source]["model"] == ALL for source in sources)
    return (of_all if needs_all else {}) | {
        group: {
            "sections": list(held_out_sections),
            "model": f"{folder}/{group}/model.safetensors",
            "predictions": f"{folder}/{group}/predictions.h5ad",
        }
        for group, held_out_sections in groups(name).items()
    }


def n_outputs(targets):
    """How many values a network on these targets predicts for a spot."""
    keys = config["targets"][targets]
    if "of" in keys:
        return keys["factors"]
    return len(keys["genes"]) if isinstance(keys["genes"], list) else keys["genes"]


def planned_experiments(w, supplement=False):
    """The experiments with a network that `all` makes, as `stnet.planning` takes them.

    With `supplement`, also those that only this target makes.
    """
    shown = configuration.shown_experiments
    named = [e for name in config["report"] for e in shown(name, supplement=supplement)]
    rows = {name: config["experiments"][name] for name in named}
    return {
        name: {
            "cohort": keys["cohort"],
            "view": keys["view"],
            "outputs": n_outputs(keys["targets"]),
            "recipe": {key: keys[key] for key in RECIPE}
            | {"engine": keys["engine"][config["device"]]},
            "memory_mb": asked_memory(keys),
            "groups": network_jobs(name),
        }
        for name, keys in rows.items()
        if keys["kind"] == "network"
    }


def asked_memory(keys):
    """MB that training asks for, by its rule or as an option sets it; None for an expression."""
    asked = rules.train.rule.resources["mem_mb"]
    if not asked.is_evaluable():
        return asked.value
    if "mem_mb" in workflow.resource_settings.overwrite_resources.get("train", {}):
        return None
    return training_mb(keys["view"], keys["batch_size"], config["device"])


def planned_cohorts(w):
    """The cohorts that `all` shows, as `stnet.planning` takes them."""
    return {
        name: {
            "rows": [{key: row[key] for key in ("patient", "section")} for row in sections(name)],
            "section_files": expand(
                "results/{cohort}/sections/{section}.h5ad",
                cohort=name,
                section=section_ids(name),
            ),
            "views": f"results/{name}/views",
            "paper": config["cohorts"][name]["paper"],
        }
        for name in config["report"]
    }


def outputs_of_rules(w):
    """How many outputs a job of each rule has."""
    return {each.name: len(each.output) for each in workflow.rules}


def pending_command(triggers):
    """Command that lists what is pending, by these triggers of reruns."""
    triggers = sorted(map(str, triggers))
    options = ["--summary", "--cores", "1", "--rerun-incomplete", "--rerun-triggers", *triggers]
    return own_snakemake(*options)


def summary_command(w):
    """Command that lists what is pending."""
    return pending_command(workflow.rerun_triggers)


def training_machine(w):
    """Resources of the training rule, as the command line and the profile set them."""
    asked = rules.train.rule.resources
    threads = asked["_cores"]
    threads = 1 if threads.is_evaluable() else threads.value
    if config["device"] == "cuda":
        at_once = workflow.global_resources["gpu"].value
    else:
        cores = workflow.resource_settings.cores
        at_once = cores and max(1, cores // threads)
    return {
        "device": config["device"],
        "threads": threads,
        "at_once": at_once,
        "code": code_digest(code_of("../scripts/train/train.py")),
    }
