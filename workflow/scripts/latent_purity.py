from stnet.core.job import job
from stnet.evaluation.latent.purity import write_purity

with job(snakemake.log[0]):
    write_purity(snakemake.input.predictions, snakemake.output[0], seed=snakemake.params.seed)
