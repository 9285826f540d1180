from stnet.core.job import job
from stnet.report.nuclei import write_supplementary_tables

with job(snakemake.log[0]):
    write_supplementary_tables(
        snakemake.input.measured,
        snakemake.input.predicted,
        snakemake.input.genes,
        snakemake.output.measured,
        snakemake.output.predicted,
    )
