from stnet.analysis.latent.summary import write_summary
from stnet.core.job import job

with job(snakemake.log[0]):
    write_summary(dict(snakemake.input.items()), snakemake.output[0])
