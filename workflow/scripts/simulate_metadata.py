from stnet.cohorts.simulated.cohort import write_metadata
from stnet.core.job import job

with job(snakemake.log[0]):
    write_metadata(snakemake.input.sheet, snakemake.output.metadata)
