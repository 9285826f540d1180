from stnet.core.job import job
from stnet.figures.study import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.study,
        dict(zip(snakemake.params.titles, snakemake.input.genes, strict=True)),
        dict(zip(snakemake.params.titles, snakemake.input.patients, strict=True)),
        snakemake.output,
        titles=snakemake.params.titles,
    )
