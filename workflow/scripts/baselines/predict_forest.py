from stnet.baselines.forest import predict_forest
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob

with job(snakemake.log[0]):
    predict_forest(
        snakemake.input.targets,
        snakemake.input.features,
        snakemake.output[0],
        HeldOutJob.of(snakemake.wildcards, snakemake.params, snakemake.threads),
        trees=snakemake.params.trees,
        max_features=snakemake.params.max_features,
        min_samples_leaf=snakemake.params.min_samples_leaf,
        seed=snakemake.params.seed,
    )
