from stnet.core.job import job
from stnet.evaluation.explained import write_explained

with job(snakemake.log[0]):
    write_explained(
        snakemake.input[0],
        snakemake.output[0],
        factors=snakemake.params.factors,
        iterations=snakemake.params.iterations,
        seed=snakemake.params.seed,
    )
