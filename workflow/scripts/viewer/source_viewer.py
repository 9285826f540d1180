from stnet.core.job import job
from stnet.viewer.pages import source_sections, write_pages

with job(snakemake.log[0]):
    write_pages(
        source_sections(
            snakemake.input.predictions, snakemake.input.reliability, snakemake.params.images
        ),
        snakemake.output.entry,
        snakemake.output.pages,
        index=snakemake.params.index,
        genes=snakemake.params.genes,
        title=snakemake.params.title,
    )
