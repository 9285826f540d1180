# Whether results are still as a run left them, and whether its jobs write the same bits again (ours).
#
# As `plan`, it runs where Snakemake runs, and has no output, so it runs whenever it is asked for.


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


rule verify:
    """Names what has changed since the run; runs jobs again where `verify_sample` is given."""
    input:
        of_own_run("verify"),
    log:
        "results/logs/verify.log",
    localrule: True
    conda:
        "../../envs/core.yaml"
    threads: lambda w: workflow.resource_settings.cores or 1
    resources:
        mem_mb=1000,
        runtime=600,
    params:
        certificate=CERTIFICATE,
        facts=lambda w: facts_of_run(),
        replay=replay,
    script:
        "../scripts/verify/verify.py"
