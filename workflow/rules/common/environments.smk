# What a run needs of this machine, and conda environments.

from snakemake.settings.types import DeploymentMethod

# With --use-conda, jobs have other packages than this process. Tests load rules without settings.
deployed = workflow.deployment_settings and workflow.deployment_settings.deployment_method
USES_CONDA = DeploymentMethod.CONDA in (deployed or ())

# Bash may have conda as an exported function. A container has its own.
if (
    USES_CONDA
    and not EXAMINED
    and workflow.is_main_process
    and DeploymentMethod.APPTAINER not in deployed
    and not (which("conda") or "BASH_FUNC_conda%%" in os.environ)
):
    refuse(
        "--use-conda: no conda on the PATH; install it (https://conda-forge.org/download), or leave"
        " --use-conda out: jobs then use the packages of this environment"
    )


def refuse_without_gpu(reason, jobs):
    """Refuse a run for want of a GPU, of which `why_no_gpu` gives the reason."""
    refuse(
        f"device: cuda is configured, but {reason}, which {jobs} jobs need; add"
        " --config device=cpu, or run on a machine or cluster with one"
    )


onstart:
    # Only now is it known what is to run, and where. A job would find out after the downloads.
    if config["device"] == "cuda" and workflow.local_exec and not workflow.touch:
        waiting = [
            job
            for job in workflow.dag.needrun_jobs()
            if {"gpu", "slides"} & {*job.rule.resources}
        ]
        if waiting and (reason := why_no_gpu()):
            atexit.unregister(print_last_lines)
            refuse_without_gpu(reason, len(waiting))
    show_progress()


def check_architecture(keys, row):
    """Refuse an architecture that its library does not have, before anything is downloaded.

    `row` is the path of the keys in the configuration. With conda, jobs have another version of the
    library.
    """
    lacking = missing_architecture(
        keys.get("library", "torchvision"),
        keys["architecture"],
        pretrained=keys["weights"] == IMAGENET,
    )
    if lacking and not USES_CONDA:
        refuse(f"configuration: {row}.architecture: {lacking}")


def escape_environments(rules):
    """Name the rules' environments by absolute paths with doubled braces, where there are any.

    Snakemake takes braces, as in the path of this checkout, for wildcards.
    """
    if not re.search("[{}]", str(CHECKOUT)):
        return
    for each in rules:
        if each.conda_env:
            path = CHECKOUT / "envs" / Path(each.conda_env).name
            each.conda_env = re.sub("[{}]", r"\g<0>\g<0>", str(path))
