from stnet.core.job import job
from stnet.figures.fig_2b import draw

with job(snakemake.log[0]):
    draw(
        dict(zip(snakemake.params.titles.values(), snakemake.input.genes, strict=True)),
        snakemake.input.null,
        snakemake.output,
    )
