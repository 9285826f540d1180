from stnet.core.job import job
from stnet.figures.supp_1a import draw

with job(snakemake.log[0]):
    draw(snakemake.input.targets, snakemake.output)
