from stnet.core.job import job
from stnet.simulation.gene_sets import write_gene_sets

with job(snakemake.log[0]):
    write_gene_sets(snakemake.output[0], seed=snakemake.params.seed)
