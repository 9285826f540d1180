from stnet.core.job import job
from stnet.report.sections import write_sections_page
from stnet.report.tables import write_dataset_page

with job(snakemake.log[0]):
    write_dataset_page(
        snakemake.input.summary,
        snakemake.input.table,
        snakemake.output.dataset,
        snakemake.params.cohort,
    )
    write_sections_page(
        snakemake.input.sections,
        snakemake.input.table,
        snakemake.input.spots,
        snakemake.output.sections,
        snakemake.params.cohort,
    )
