from stnet.analysis.single_genes import write_single_genes
from stnet.core.job import job
from stnet.report.studies import write_single_genes_page

with job(snakemake.log[0]):
    write_single_genes(
        snakemake.input.genes,
        snakemake.input.patients,
        dict(zip(snakemake.params.experiments, snakemake.input.alone, strict=True)),
        snakemake.output.table,
        snakemake.output.summary,
        experiments=snakemake.params.experiments,
    )
    write_single_genes_page(*snakemake.output, main=snakemake.params.main)
