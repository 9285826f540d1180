from stnet.core.job import job
from stnet.evaluation.comparison import write_comparison

with job(snakemake.log[0]):
    write_comparison(
        snakemake.input.genes, snakemake.input.patients, snakemake.input.other, snakemake.output[0]
    )
