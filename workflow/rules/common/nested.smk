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
    return command
