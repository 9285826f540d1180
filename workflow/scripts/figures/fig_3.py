from stnet.core.job import job
from stnet.figures.fig_3 import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.arrays,
        snakemake.input.table,
        snakemake.input.sections,
        snakemake.output,
        view=snakemake.params.view,
        shown=snakemake.params.shown,
    )
