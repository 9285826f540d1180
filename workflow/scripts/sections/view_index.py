from stnet.core.job import job
from stnet.slides.patches import write_index

with job(snakemake.log[0]):
    write_index(
        snakemake.input.sections,
        snakemake.input.patches,
        snakemake.output[0],
        view=snakemake.wildcards.view,
    )
