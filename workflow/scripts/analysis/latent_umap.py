from stnet.analysis.latent.embedding import write_umap
from stnet.core.job import job

with job(snakemake.log[0]):
    write_umap(
        snakemake.input.predictions,
        snakemake.output[0],
        neighbours=snakemake.params.neighbours,
        min_dist=snakemake.params.min_dist,
        seed=snakemake.params.seed,
    )
