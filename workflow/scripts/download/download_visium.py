from stnet.core.job import job
from stnet.sources.tenx import download_visium

with job(snakemake.log[0]):
    download_visium(
        dict(snakemake.output.items()),
        host=snakemake.config["hosts"]["tenx"],
        dataset=snakemake.wildcards.section,
        lock=snakemake.params.lock,
        mirror=snakemake.config["cohorts"][snakemake.wildcards.cohort]["mirror"],
    )
