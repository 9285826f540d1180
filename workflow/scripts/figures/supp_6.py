from stnet.core.job import job
from stnet.figures.supp_6 import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.distribution,
        snakemake.input.patients,
        snakemake.input.summary,
        snakemake.output,
    )
