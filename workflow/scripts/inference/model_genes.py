from stnet.core.job import job
from stnet.inference.model_genes import write_gene_reliability

with job(snakemake.log[0]):
    write_gene_reliability(
        snakemake.input.model,
        snakemake.input.genes,
        snakemake.output[0],
        predictions=snakemake.input.predictions,
    )
