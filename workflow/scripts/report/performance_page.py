from stnet.core.job import job
from stnet.report.tables import write_performance_page

with job(snakemake.log[0]):
    write_performance_page(
        snakemake.input.summary,
        snakemake.input.genes,
        snakemake.output[0],
        experiment=snakemake.params.title,
        stratum=snakemake.wildcards.stratum,
    )
