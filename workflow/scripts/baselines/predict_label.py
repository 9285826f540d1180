from stnet.baselines.label import predict_label
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob

with job(snakemake.log[0]):
    predict_label(
        snakemake.input.targets,
        snakemake.output[0],
        HeldOutJob(
            experiment=snakemake.wildcards.experiment,
            held_out=snakemake.wildcards.held_out,
            sections=snakemake.params.held_out_sections,
            threads=snakemake.threads,
            code=snakemake.params.digest,
        ),
        cohort=snakemake.wildcards.cohort,
    )
