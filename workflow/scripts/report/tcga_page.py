from stnet.core.job import job
from stnet.report.external import write_tcga_page

with job(snakemake.log[0]):
    write_tcga_page(
        snakemake.input.summary,
        snakemake.input.subtype,
        snakemake.input.slides,
        snakemake.input.genes,
        snakemake.input.claims or None,
        snakemake.output[0],
        source=snakemake.params.source,
        experiment=snakemake.params.title,
    )
