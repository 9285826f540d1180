from stnet.core.job import job
from stnet.simulation.cohort import write_metadata

with job(snakemake.log[0]):
    write_metadata(snakemake.params.sheet, snakemake.output.metadata)
