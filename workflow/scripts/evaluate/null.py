from stnet.core.job import job
from stnet.evaluation.null import write_null

with job(snakemake.log[0]):
    write_null(
        snakemake.input.predictions,
        dict(snakemake.output.items()),
        stratum=snakemake.wildcards.stratum,
        smoothing=snakemake.params.smoothing,
    )
