from stnet.analysis.nuclei_counts import write_counts
from stnet.core.job import job

with job(snakemake.log[0]):
    write_counts(snakemake.input.targets, snakemake.input.features, dict(snakemake.output.items()))
