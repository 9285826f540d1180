from stnet.core.job import job
from stnet.report.controls import write_controls

with job(snakemake.log[0]):
    names = [*snakemake.params.methods]
    write_controls(
        dict(zip(names, snakemake.input.genes, strict=True)),
        dict(zip(names, snakemake.input.patients, strict=True)),
        snakemake.input.truth,
        snakemake.output.tsv,
        snakemake.output.html,
        methods=snakemake.params.methods,
    )
