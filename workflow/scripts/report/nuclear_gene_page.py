from stnet.core.job import job
from stnet.report.nuclei import write_gene_page

with job(snakemake.log[0]):
    write_gene_page(snakemake.input.relations, snakemake.output[0], gene=snakemake.params.gene)
