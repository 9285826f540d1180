from stnet.core.job import job
from stnet.sources.mendeley import write_listing

with job(snakemake.log[0]):
    write_listing(
        snakemake.output.listing,
        snakemake.output.metadata,
        host=snakemake.config["hosts"]["mendeley"],
        dataset=snakemake.params.dataset,
        version=snakemake.params.version,
        lock=snakemake.params.lock,
        mirror=snakemake.config["cohorts"][snakemake.wildcards.cohort]["mirror"],
    )
