from stnet.baselines.precomputed import predict_precomputed
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob

with job(snakemake.log[0]):
    predict_precomputed(
        snakemake.input.targets,
        snakemake.input.predictions,
        snakemake.output[0],
        HeldOutJob.of(snakemake.wildcards, snakemake.params, snakemake.threads),
        units=snakemake.params.units,
        trained_on=snakemake.input.trained_on or snakemake.params.trained_on,
        pretrained_on=snakemake.params.pretrained_on,
        patients=snakemake.params.patients,
    )
