# What pages to look at sections are made of.


def images_of(cohort):
    """Images of the sections of a cohort that have one."""
    return {row["section"]: row["image"] for row in sections(cohort) if row["image"]}


def mapped_predictions(w):
    """Predictions of the sections or slides of a source that are drawn."""
    return expand(f"{EXTERNAL}/{{unit}}.h5ad", **dict(w.items()), unit=mapped_units(w.source))


def source_images(w):
    """Images of the sections of a source; those of slides are not kept."""
    is_slides = config["external"][w.source]["kind"] == "slides"
    return {} if is_slides else images_of(source_cohort(w))


def source_title(w):
    """Title of a source and of the experiment whose model was applied to it."""
    return f"{config['external'][w.source]['title']}, {experiment_of(w)['title']}"


def held_out_labels(w):
    """Patient and experiment of a page to look at sections, for Snakemake's report."""
    whose = getattr(w, "patient", "each patient")
    title = config["experiments"][w.experiment]["title"]
    return {"item": f"Sections of {whose} · {title}", "cohort": w.cohort}
