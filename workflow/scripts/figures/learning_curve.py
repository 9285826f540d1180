from stnet.core.job import job
from stnet.figures.learning_curve import draw

with job(snakemake.log[0]):
    draw(snakemake.input.history, snakemake.input.epoch, snakemake.output)
