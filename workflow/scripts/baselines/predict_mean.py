from stnet.baselines.mean import predict_mean
from stnet.core.job import job

with job(snakemake.log[0]):
    predict_mean(
        snakemake.input.targets,
        snakemake.output[0],
        experiment=snakemake.wildcards.experiment,
        held_out=snakemake.wildcards.held_out,
        held_out_sections=snakemake.params.held_out_sections,
        code=snakemake.params.digest,
    )
