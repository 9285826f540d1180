from stnet.core.job import job
from stnet.networks.encoders import download_timm

with job(snakemake.log[0]):
    download_timm(snakemake.wildcards.architecture, snakemake.output[0])
