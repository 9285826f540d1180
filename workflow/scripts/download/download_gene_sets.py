from stnet.core.job import job
from stnet.sources.reactome import download_pathways

with job(snakemake.log[0]):
    download_pathways(
        snakemake.output[0],
        host=snakemake.config["hosts"]["reactome"],
        lock=snakemake.params.lock,
    )
