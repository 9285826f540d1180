from stnet.core.job import job
from stnet.figures.fig_3 import draw
from stnet.report.network import write_attributions_page

with job(snakemake.log[0]):
    draw(
        snakemake.input.arrays,
        snakemake.input.table,
        snakemake.input.sections,
        snakemake.output[1:],
        view=snakemake.params.view,
        shown=snakemake.params.shown,
    )
    write_attributions_page(
        snakemake.input.table,
        snakemake.input.on_nuclei or None,
        snakemake.output.html,
        experiment=snakemake.params.main,
    )
