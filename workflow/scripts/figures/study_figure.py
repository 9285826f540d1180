from stnet.core.job import job
from stnet.figures.study import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.study,
        dict(zip(snakemake.params.names, snakemake.input.genes, strict=True)),
        dict(zip(snakemake.params.names, snakemake.input.patients, strict=True)),
        snakemake.output,
    )
