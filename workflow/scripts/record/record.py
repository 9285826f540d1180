from stnet.core.job import job
from stnet.record.run import Known
from stnet.record.write import write_record

params = snakemake.params
with job(snakemake.log[0]):
    write_record(params.certificate, params.facts, Known(**params.known), snakemake.threads)
