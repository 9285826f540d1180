from stnet.baselines.mean import predict_mean
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob

with job(snakemake.log[0]):
    predict_mean(
        snakemake.input.targets,
        snakemake.output[0],
        HeldOutJob.of(snakemake.wildcards, snakemake.params, snakemake.threads),
    )
