from stnet.baselines.coordinates import predict_coordinates
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob

with job(snakemake.log[0]):
    predict_coordinates(
        snakemake.input.targets,
        snakemake.output[0],
        HeldOutJob.of(snakemake.wildcards, snakemake.params, snakemake.threads),
        degree=snakemake.params.degree,
        penalty=snakemake.params.penalty,
    )
