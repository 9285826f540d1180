from stnet.core.job import job
from stnet.figures.supp_9 import draw_distances, draw_neighbours

with job(snakemake.log[0]):
    draw_neighbours(snakemake.input.neighbours, snakemake.output[:2])
    draw_distances(snakemake.input.distances, snakemake.output[2:])
