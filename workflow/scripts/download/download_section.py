from stnet.core.job import job
from stnet.sources.mendeley import download_section

with job(snakemake.log[0]):
    download_section(
        snakemake.input.listing,
        snakemake.params.patient,
        snakemake.wildcards.section,
        dict(snakemake.output.items()),
        lock=snakemake.params.lock,
        mirror=snakemake.config["cohorts"][snakemake.wildcards.cohort]["mirror"],
    )
