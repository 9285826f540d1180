from stnet.core.job import job
from stnet.evaluation.thresholds import write_thresholds

with job(snakemake.log[0]):
    write_thresholds(
        dict(zip(snakemake.params.strata, snakemake.input, strict=True)), snakemake.output[0]
    )
