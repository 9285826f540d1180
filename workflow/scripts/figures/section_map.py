from stnet.core.job import job
from stnet.figures.spot_prediction_map import draw

with job(snakemake.log[0]):
    draw(snakemake.input.predictions, snakemake.output, genes=snakemake.params.genes)
