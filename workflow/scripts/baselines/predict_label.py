from stnet.baselines.label import predict_label
from stnet.core.job import job

with job(snakemake.log[0]):
    predict_label(
        snakemake.input.targets,
        snakemake.output[0],
        cohort=snakemake.wildcards.cohort,
        experiment=snakemake.wildcards.experiment,
        held_out=snakemake.wildcards.held_out,
        held_out_sections=snakemake.params.held_out_sections,
        code=snakemake.params.digest,
    )
