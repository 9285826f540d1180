from stnet.cohorts.tenx import download_visium
from stnet.core.job import job

with job(snakemake.log[0]):
    download_visium(
        dict(snakemake.output.items()),
        host=snakemake.config["hosts"]["tenx"],
        dataset=snakemake.wildcards.section,
        lock=snakemake.params.lock,
        mirror=snakemake.config["cohorts"][snakemake.wildcards.cohort].get("mirror"),
    )
