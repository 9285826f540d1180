from stnet.core.job import job
from stnet.evaluation.control import write_control

with job(snakemake.log[0]):
    write_control(snakemake.input.genes, snakemake.input.truth, snakemake.output[0])
