# What a run will take, before it starts, and the patches that can go afterwards (ours).
#
# Both run where Snakemake runs, and write no file but their log: with an output they would be done
# once and for all. So they have no benchmark either, which would be an output.


include: "planned.smk"


rule plan:
    input:
        of_own_run,
        claims="resources/paper/claims.tsv",
    log:
        "results/logs/plan.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    # All of them, so that nothing else runs beside what is timed.
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


rule remove_views:
    input:
        of_own_run,
    log:
        "results/logs/remove_views.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    params:
        config=WRITTEN,
        summary=summary_command,
        n_outputs=outputs_of_rules,
        cohorts=planned_cohorts,
        experiments=planned_experiments,
    script:
        "../scripts/plan/remove_views.py"
