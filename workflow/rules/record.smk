# What was run, for others: facts, methods, citations, and the results as an RO-Crate (ours).
#
# As `verify`, it runs where Snakemake runs. It has no declared output: what it writes is about the
# last certificate, which a run with this target must not replace.


rule record:
    """Writes the record of the finished run into results/record."""
    input:
        of_own_run("record"),
    log:
        "results/logs/record.log",
    localrule: True
    conda:
        "../../envs/record.yaml"
    container:
        None
    threads: lambda w: workflow.resource_settings.cores or 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        certificate=CERTIFICATE,
        facts=lambda w: facts_of_run(),
        known=recorded,
    script:
        "../scripts/record/record.py"
