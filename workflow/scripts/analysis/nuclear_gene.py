from stnet.analysis.nuclear_relations import write_gene_relations
from stnet.core.job import job

with job(snakemake.log[0]):
    write_gene_relations(
        snakemake.input.targets,
        snakemake.input.features,
        snakemake.output.relations,
        snakemake.output.patients,
        gene=snakemake.params.gene,
    )
