from stnet.core.job import job
from stnet.viewer.pages import write_source_pages

with job(snakemake.log[0]):
    write_source_pages(
        snakemake.input.predictions,
        snakemake.input.reliability,
        snakemake.output.entry,
        snakemake.output.pages,
        images=snakemake.params.images,
        genes=snakemake.params.genes,
        title=snakemake.params.title,
    )
