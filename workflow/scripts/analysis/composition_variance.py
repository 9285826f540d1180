from stnet.analysis.composition import write_explained
from stnet.core.job import job

with job(snakemake.log[0]):
    write_explained(
        snakemake.input[0],
        snakemake.output[0],
        factors=snakemake.params.factors,
        iterations=snakemake.params.iterations,
        seed=snakemake.params.seed,
    )
