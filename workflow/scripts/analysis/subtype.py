from stnet.analysis.bulk.subtype import write_subtype
from stnet.core.job import job

with job(snakemake.log[0]):
    write_subtype(
        snakemake.input.patients,
        snakemake.input.genes,
        dict(snakemake.output.items()),
        **snakemake.params.subtypes,
    )
