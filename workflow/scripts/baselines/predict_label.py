from stnet.baselines.label import predict_label
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob

with job(snakemake.log[0]):
    predict_label(
        snakemake.input.targets,
        snakemake.output[0],
        HeldOutJob.of(snakemake.wildcards, snakemake.params, snakemake.threads),
        cohort=snakemake.wildcards.cohort,
    )
