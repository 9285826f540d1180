# The time and space that a run will need (ours).
#
# It runs where Snakemake runs, and writes only a log: with an output or a benchmark, it would run
# only once.


include: "planned.smk"


rule plan:
    """Prints what is left of `all`, and how long it will take."""
    input:
        of_own_run("plan"),
        claims="resources/paper/claims.tsv",
    log:
        "results/logs/plan.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    container:
        None
    # All of them, so that nothing disturbs the timing.
    threads: lambda w: workflow.resource_settings.cores or 1
    resources:
        mem_mb=16000,
        runtime=30,
    params:
        config=WRITTEN,
        summary=summary_command,
        n_outputs=outputs_of_rules,
        cohorts=planned_cohorts,
        experiments=planned_experiments,
        machine=training_machine,
        seconds=config["calibration"],
    script:
        "../scripts/plan/plan.py"
