from stnet.core.job import job
from stnet.figures.supp_4_5 import draw

with job(snakemake.log[0]):
    draw(
        snakemake.input.spread,
        snakemake.input.of_genes,
        {
            "tumour": (snakemake.input.genes[0], snakemake.output[:2]),
            "normal": (snakemake.input.genes[1], snakemake.output[2:]),
        },
    )
