from stnet.analysis.spread import write_spread
from stnet.core.job import job

with job(snakemake.log[0]):
    write_spread(snakemake.input.targets, snakemake.output.spread, snakemake.output.genes)
