from stnet.core.job import job
from stnet.features.collect import collect_features

with job(snakemake.log[0]):
    collect_features(snakemake.input, snakemake.output[0])
