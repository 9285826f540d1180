from stnet.core.job import job
from stnet.figures.nuclei_overlay import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.features,
        snakemake.input.index,
        snakemake.input.section,
        snakemake.output,
    )
