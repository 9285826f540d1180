from stnet.core.job import job
from stnet.figures.supp_1b import draw

with job(snakemake.log[0]):
    draw(snakemake.input.genes, snakemake.input.targets, snakemake.output)
