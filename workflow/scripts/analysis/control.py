from stnet.analysis.control import write_control
from stnet.core.job import job

with job(snakemake.log[0]):
    write_control(snakemake.input.genes, snakemake.input.truth, snakemake.output[0])
