from stnet.checks.verify import Replay, verify
from stnet.core.job import job

params = snakemake.params
with job(snakemake.log[0]):
    verify(params.certificate, params.facts, Replay(**params.replay), snakemake.threads)
