from stnet.core.job import job
from stnet.networks.imagenet import download_imagenet

with job(snakemake.log[0]):
    download_imagenet(snakemake.wildcards.architecture, snakemake.output[0])
