from stnet.core.job import job
from stnet.report.comparison import write_methods

with job(snakemake.log[0]):
    names = [*snakemake.params.methods]
    write_methods(
        dict(zip(names, snakemake.input.summaries, strict=True)),
        dict(zip(names, snakemake.input.genes, strict=True)),
        dict(zip(names, snakemake.input.patients, strict=True)),
        dict(zip(names[1:], snakemake.input.against, strict=True)),
        snakemake.input.claims or None,
        dict(snakemake.output.items()),
        methods=snakemake.params.methods,
    )
