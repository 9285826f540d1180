from stnet.analysis.pathways import write_pathways
from stnet.core.job import job

with job(snakemake.log[0]):
    write_pathways(
        snakemake.input.genes,
        snakemake.input.gene_sets,
        snakemake.input.table or None,
        snakemake.output.groups,
        snakemake.output.sets,
        groups=snakemake.params.groups,
        level=snakemake.params.level,
    )
