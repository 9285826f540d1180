from stnet.core.job import job
from stnet.inference.model_genes import write_gene_reliability
from stnet.record.model_card import write_model_card

with job(snakemake.log[0]):
    write_gene_reliability(
        snakemake.input.model,
        snakemake.input.genes,
        snakemake.output.genes,
        predictions=snakemake.input.predictions,
    )
    write_model_card(
        snakemake.input.model,
        snakemake.output.genes,
        snakemake.input.summary,
        snakemake.output.card,
        about=snakemake.params.about,
    )
