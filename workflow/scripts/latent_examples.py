from stnet.core.job import job
from stnet.evaluation.latent.examples import write_examples

with job(snakemake.log[0]):
    write_examples(
        snakemake.input.umap,
        snakemake.output[0],
        radius=snakemake.params.radius,
        grids=snakemake.params.grids,
    )
