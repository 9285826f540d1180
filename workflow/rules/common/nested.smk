# Jobs that call Snakemake about this workflow itself.


IS_MODULE = not workflow.modifier.is_main_snakefile()


def of_own_run(target):
    """Input function: no file. Refuses a target in a module, which another workflow configures."""

    def found(w):
        if IS_MODULE:
            refuse(f"{target} is not for modules; use --snakefile {CHECKOUT}/Snakefile")
        return []

    return found


def own_snakemake(*options):
    """Command that calls Snakemake with the settings of this run that decide what a job is."""
    deployment = workflow.deployment_settings
    command = [sys.executable, "-m", "snakemake", "--snakefile", workflow.main_snakefile, *options]
    # A profile could set other options.
    command += ["--profile", "none", "--workflow-profile", "none"]
    if deployment.deployment_method:
        methods = sorted(map(str, deployment.deployment_method))
        command += ["--software-deployment-method", *methods]
    if deployment.conda_prefix:
        command += ["--conda-prefix", str(deployment.conda_prefix)]
    if USES_APPTAINER:
        # Images are not to be loaded again for a job that runs in a folder of its own.
        images = deployment.apptainer_prefix or ".snakemake/singularity"
        command += ["--apptainer-prefix", os.path.abspath(images)]
        command += [f"--apptainer-args={deployment.apptainer_args}"]
    return command


def without_promise(w):
    """Rules that need not write the same bits again, and why."""
    downloads = {
        each.name: "downloads, and compares with hashes"
        for each in workflow.rules
        if each.script and Path(each.script).parent.name == "download"
    }
    on_gpu = {
        each.name: "a GPU sums in an order of its own"
        for each in workflow.rules
        if config["device"] == "cuda" and {"gpu", "slides"} & {*each.resources}
    }
    return downloads | on_gpu


def replay(w):
    """What runs again, and how: on this machine, with the threads of this run."""
    resources = workflow.resource_settings
    threads = [f"{rule}={n}" for rule, n in resources.overwrite_threads.items()]
    options = ["--set-threads", *threads] if threads else []
    return {
        "jobs": config["verify_sample"],
        "seed": config["verify_seed"],
        "command": own_snakemake("--cores", str(resources.cores or 1), *options),
        "config": WRITTEN,
        "left_out": without_promise(w),
    }
