# Whether results are still as a run left them, and whether its jobs write the same bits again (ours).
#
# As `plan`, it runs where Snakemake runs, and has no output, so it runs whenever it is asked for.


rule verify:
    """Names what has changed since the run; runs jobs again where `verify_sample` is given."""
    input:
        of_own_run("verify"),
    log:
        "results/logs/verify.log",
    localrule: True
    conda:
        "../../envs/core.yaml"
    container:
        None
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
