from stnet.analysis.bulk.expression import write_bulk
from stnet.core.job import job

with job(snakemake.log[0]):
    write_bulk(list(snakemake.input), snakemake.params.rows, snakemake.output[0])
