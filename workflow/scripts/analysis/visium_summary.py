from stnet.analysis.visium import write_visium_summary
from stnet.core.job import job

with job(snakemake.log[0]):
    write_visium_summary(
        snakemake.input.predictions,
        snakemake.input.patients,
        snakemake.input.sections,
        snakemake.output[0],
    )
