from stnet.core.job import job
from stnet.viewer.pages import write_own_page

with job(snakemake.log[0]):
    write_own_page(
        snakemake.input.predictions,
        snakemake.input.image,
        snakemake.output[0],
        genes=snakemake.params.genes,
    )
