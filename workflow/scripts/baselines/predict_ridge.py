from stnet.baselines.ridge import predict_ridge
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob

with job(snakemake.log[0]):
    predict_ridge(
        snakemake.input.targets,
        snakemake.input.features,
        snakemake.output[0],
        HeldOutJob.of(snakemake.wildcards, snakemake.params, snakemake.threads),
        components=snakemake.params.components,
        penalties=snakemake.params.penalties,
        inner_folds=snakemake.params.inner_folds,
        seed=snakemake.params.seed,
    )
