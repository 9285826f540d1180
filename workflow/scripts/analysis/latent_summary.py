from stnet.analysis.latent.summary import write_summary
from stnet.core.job import job

with job(snakemake.log[0]):
    write_summary(
        snakemake.input.purity,
        snakemake.input.neighbours,
        snakemake.input.distances,
        snakemake.output[0],
    )
