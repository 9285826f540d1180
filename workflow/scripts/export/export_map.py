from stnet.core.job import job
from stnet.exports.expression_map import write_map

with job(snakemake.log[0]):
    write_map(
        snakemake.input[0],
        snakemake.wildcards.section,
        snakemake.output[0],
        genes=snakemake.params.genes,
    )
