from stnet.core.job import job
from stnet.evaluation.nuclei_counts import write_counts

with job(snakemake.log[0]):
    write_counts(snakemake.input.targets, snakemake.input.features, dict(snakemake.output.items()))
