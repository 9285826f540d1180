from stnet.core.job import job
from stnet.features.colour import write_colour_features

with job(snakemake.log[0]):
    write_colour_features(
        snakemake.input.sections,
        snakemake.input.index,
        snakemake.output[0],
        view=snakemake.params.view,
        code=snakemake.params.digest,
    )
