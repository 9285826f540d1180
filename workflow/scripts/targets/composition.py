from stnet.core.job import job
from stnet.expression.composition import write_composition

with job(snakemake.log[0]):
    write_composition(
        snakemake.input[0],
        snakemake.output[0],
        of=snakemake.params.of,
        factors=snakemake.params.factors,
        iterations=snakemake.params.iterations,
        seed=snakemake.params.seed,
        held_out_sections=snakemake.params.held_out_sections,
    )
