from stnet.core.job import job
from stnet.external.visium_summary import write_visium_summary

with job(snakemake.log[0]):
    write_visium_summary(
        snakemake.input.predictions,
        snakemake.input.patients,
        snakemake.input.sections,
        snakemake.output[0],
    )
