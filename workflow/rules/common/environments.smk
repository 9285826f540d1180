# What a run needs of this machine, conda environments and the container.

from snakemake.settings.types import DeploymentMethod

# With --use-conda, jobs have other packages than this process. Tests load rules without settings.
deployed = workflow.deployment_settings and workflow.deployment_settings.deployment_method
USES_CONDA = DeploymentMethod.CONDA in (deployed or ())
USES_APPTAINER = DeploymentMethod.APPTAINER in (deployed or ())

# Bash may have conda as an exported function. A container has its own.
if (
    USES_CONDA
    and not EXAMINED
    and workflow.is_main_process
    and not USES_APPTAINER
    and not (which("conda") or "BASH_FUNC_conda%%" in os.environ)
):
    refuse(
        "--use-conda: no conda on the PATH; install it (https://conda-forge.org/download), or leave"
        " --use-conda out: jobs then use the packages of this environment"
    )


def outside_folders(value):
    """Folders outside the working directory that paths in the configuration name, and their links'."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return {folder for part in parts for folder in outside_folders(part)}
    if not isinstance(value, str) or "/" not in value:
        return set()
    path = value.split("{")[0]
    folders = {Path(os.path.abspath(path)), Path(path).resolve()}
    folders = {each if each.is_dir() else each.parent for each in folders}
    return {each for each in folders if each.is_dir() and Path.cwd() not in (each, *each.parents)}


def apptainer_options():
    """Options that give a job in a container the checkout, data outside this folder, and the GPUs.

    Snakemake mounts the library elsewhere, where it would not find the files of the checkout.
    """
    folders = sorted(map(str, outside_folders(config) - {Path("/")} | {CHECKOUT}))
    given = [f"--bind={each}" for each in folders] + [f"--env=PYTHONPATH={CHECKOUT / 'src'}"]
    return shlex.join([*given, *(["--nv"] if config["device"] == "cuda" else [])])


if USES_APPTAINER:
    image = config["container"]
    if not image or not ("://" in image or Path(image).is_file()):
        refuse(
            f"configuration: container: {f'no file {image}' if image else 'missing'}; --sdm apptainer"
            " needs the image that jobs run in, see docs/how-to/containers.md"
        )

    container: image

    # Jobs on other nodes get the options of the main process.
    if workflow.is_main_process and apptainer_options() not in (
        workflow.deployment_settings.apptainer_args
    ):
        workflow.deployment_settings.apptainer_args += f" {apptainer_options()} "


def refuse_without_gpu(reason, jobs):
    """Refuse a run for want of a GPU, of which `why_no_gpu` gives the reason."""
    refuse(
        f"device: cuda is configured, but {reason}, which {jobs} jobs need; add"
        " --config device=cpu, or run on a machine or cluster with one"
    )


onstart:
    # Snakemake limits jobs per second, to spare clusters. It does so with a timer per finished job,
    # each of which wakes the scheduler time and again, and the end of a run waits for them.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None
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
