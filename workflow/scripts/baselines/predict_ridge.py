from stnet.baselines.ridge import predict_ridge
from stnet.core.job import job

with job(snakemake.log[0]):
    predict_ridge(
        snakemake.input.targets,
        snakemake.input.features,
        snakemake.output[0],
        experiment=snakemake.wildcards.experiment,
        held_out=snakemake.wildcards.held_out,
        held_out_sections=snakemake.params.held_out_sections,
        components=snakemake.params.components,
        penalties=snakemake.params.penalties,
        inner_folds=snakemake.params.inner_folds,
        seed=snakemake.params.seed,
        code=snakemake.params.digest,
    )
