from stnet.core.job import job
from stnet.figures.supp_12 import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.genes,
        snakemake.input.patients,
        dict(zip(snakemake.params.symbols, snakemake.input.alone, strict=True)),
        snakemake.output,
    )
