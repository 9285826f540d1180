from stnet.analysis.nuclear_relations import write_top_relations
from stnet.core.job import job

with job(snakemake.log[0]):
    write_top_relations(
        snakemake.input.targets,
        snakemake.input.predictions,
        snakemake.input.genes,
        snakemake.input.features,
        dict(snakemake.output.items()),
    )
