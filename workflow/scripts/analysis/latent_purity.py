from stnet.analysis.latent.purity import write_purity
from stnet.core.job import job

with job(snakemake.log[0]):
    write_purity(snakemake.input.predictions, snakemake.output[0], seed=snakemake.params.seed)
