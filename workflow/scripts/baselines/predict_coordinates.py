from stnet.baselines.coordinates import predict_coordinates
from stnet.core.job import job

with job(snakemake.log[0]):
    predict_coordinates(
        snakemake.input.targets,
        snakemake.output[0],
        experiment=snakemake.wildcards.experiment,
        held_out=snakemake.wildcards.held_out,
        held_out_sections=snakemake.params.held_out_sections,
        degree=snakemake.params.degree,
        penalty=snakemake.params.penalty,
        code=snakemake.params.digest,
    )
