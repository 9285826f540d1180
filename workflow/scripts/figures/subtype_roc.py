from stnet.core.job import job
from stnet.figures.subtype_roc import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.scores,
        snakemake.input.table,
        snakemake.output,
        positive=snakemake.params.positive,
    )
