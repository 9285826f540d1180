from stnet.core.job import job
from stnet.sources.hgnc import download_gene_table

with job(snakemake.log[0]):
    download_gene_table(
        snakemake.output[0],
        url=snakemake.config["hosts"]["hgnc"],
        lock=snakemake.params.lock,
    )
