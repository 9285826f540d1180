from stnet.cohorts.simulated.cohort import write_genes
from stnet.core.job import job

with job(snakemake.log[0]):
    write_genes(snakemake.output.truth, snakemake.output.genes, seed=snakemake.params.seed)
