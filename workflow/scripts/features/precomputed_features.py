from stnet.core.job import job
from stnet.features.precomputed import write_precomputed_features

with job(snakemake.log[0]):
    write_precomputed_features(
        snakemake.input.section,
        snakemake.input.embeddings,
        snakemake.output[0],
        view=snakemake.params.view,
        code=snakemake.params.digest,
    )
