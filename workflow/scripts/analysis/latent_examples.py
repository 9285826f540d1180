from stnet.analysis.latent.examples import write_examples
from stnet.core.job import job

with job(snakemake.log[0]):
    write_examples(
        snakemake.input.umap,
        snakemake.output[0],
        radius=snakemake.params.radius,
    )
