from stnet.analysis.latent.distances import write_distances
from stnet.core.job import job

with job(snakemake.log[0]):
    write_distances(
        snakemake.input.predictions,
        snakemake.output[0],
        seed=snakemake.params.seed,
    )
