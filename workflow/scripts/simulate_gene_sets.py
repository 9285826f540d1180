from stnet.cohorts.simulated.gene_sets import write_gene_sets
from stnet.core.job import job

with job(snakemake.log[0]):
    write_gene_sets(snakemake.output[0], seed=snakemake.params.seed)
