from stnet.core.job import job
from stnet.viewer.pages import held_out_sections, write_pages

with job(snakemake.log[0]):
    write_pages(
        held_out_sections(
            snakemake.input.predictions, snakemake.input.genes, snakemake.params.images
        ),
        snakemake.output.entry,
        snakemake.output.pages,
        index=snakemake.params.index,
        genes=snakemake.params.genes,
        title=f"{snakemake.params.title}, held out",
    )
