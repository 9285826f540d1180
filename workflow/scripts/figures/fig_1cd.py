from stnet.core.job import job
from stnet.figures.fig_1cd import draw

with job(snakemake.log[0]):
    draw(snakemake.input.spots, snakemake.output[:2], snakemake.output[2:])
