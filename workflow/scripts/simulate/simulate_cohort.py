from stnet.core.job import job
from stnet.simulation.cohort import write_genes

with job(snakemake.log[0]):
    write_genes(
        snakemake.output.truth,
        snakemake.output.genes,
        seed=snakemake.params.seed,
        controls=snakemake.params.controls,
    )
