from stnet.core.job import job
from stnet.figures.fig_2c import draw

with job(snakemake.log[0]):
    draw(snakemake.input[0], snakemake.output)
