from stnet.core.job import job
from stnet.figures.fig_2d import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input[0],
        snakemake.output,
        main=snakemake.params.main,
        other=snakemake.params.other,
    )
