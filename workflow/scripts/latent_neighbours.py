from stnet.core.job import job
from stnet.evaluation.latent.neighbours import write_neighbours

with job(snakemake.log[0]):
    write_neighbours(snakemake.input.predictions, snakemake.output[0], grids=snakemake.params.grids)
