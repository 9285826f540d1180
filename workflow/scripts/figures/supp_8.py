from stnet.core.job import job
from stnet.figures.supp_8 import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.umap,
        snakemake.input.examples,
        snakemake.input.index,
        snakemake.output,
        patients=snakemake.params.patients,
    )
