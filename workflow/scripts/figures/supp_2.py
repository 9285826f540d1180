from stnet.core.job import job
from stnet.figures.supp_2 import draw

with job(snakemake.log[0]):
    draw(snakemake.input[0], snakemake.output)
