from stnet.core.job import job
from stnet.slides.patches import write_patches

with job(snakemake.log[0]):
    write_patches(
        snakemake.input.section,
        snakemake.input.image,
        snakemake.output[0],
        view=snakemake.wildcards.view,
    )
