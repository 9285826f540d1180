from stnet.core.job import job
from stnet.figures.fig_2a import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.predictions,
        snakemake.input.genes,
        snakemake.input.patients,
        snakemake.output,
        gene=snakemake.params.gene,
        patients=snakemake.params.patients,
    )
