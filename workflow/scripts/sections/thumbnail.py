from stnet.core.job import job
from stnet.slides.thumbnail import write_thumbnail

with job(snakemake.log[0]):
    write_thumbnail(snakemake.input.image, snakemake.output[0], side=snakemake.params.side)
