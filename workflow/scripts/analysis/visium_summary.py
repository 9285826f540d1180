from stnet.analysis.visium import write_visium_summary
from stnet.core.job import job
from stnet.figures.spread import draw

with job(snakemake.log[0]):
    write_visium_summary(
        snakemake.input.predictions,
        snakemake.input.patients,
        snakemake.input.sections,
        snakemake.output.table,
    )
    draw(snakemake.input.predictions, [snakemake.output.figure])
