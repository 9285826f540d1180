from stnet.core.job import job
from stnet.report.tables import write_table_1

with job(snakemake.log[0]):
    write_table_1(
        snakemake.input.genes,
        snakemake.input.claims or None,
        snakemake.output.tsv,
        snakemake.output.html,
        snakemake.params.main,
        snakemake.input.visium or None,
    )
