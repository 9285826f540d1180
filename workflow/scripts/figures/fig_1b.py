from stnet.core.job import job
from stnet.figures.fig_1b import draw

with job(snakemake.log[0]):
    draw(snakemake.input.sections, snakemake.output)
