from stnet.analysis.latent.neighbours import write_neighbours
from stnet.core.job import job

with job(snakemake.log[0]):
    write_neighbours(snakemake.input.predictions, snakemake.output[0], snakemake.output.null)
