from stnet.core.job import job
from stnet.report.tables import write_dataset_page

with job(snakemake.log[0]):
    write_dataset_page(
        snakemake.input.summary,
        snakemake.input.sections,
        snakemake.output[0],
        snakemake.wildcards.cohort,
    )
