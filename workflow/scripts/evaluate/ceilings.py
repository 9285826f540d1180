from stnet.core.job import job
from stnet.report.ceilings import write_ceilings

with job(snakemake.log[0]):
    write_ceilings(
        snakemake.input.predictions,
        snakemake.input.genes,
        dict(snakemake.output.items()),
        experiment=snakemake.params.main,
    )
