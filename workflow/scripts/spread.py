from stnet.core.job import job
from stnet.evaluation.spread import write_spread

with job(snakemake.log[0]):
    write_spread(snakemake.input.targets, snakemake.output.spread, snakemake.output.genes)
