from stnet.core.job import job
from stnet.external.bulk import write_bulk

with job(snakemake.log[0]):
    write_bulk(list(snakemake.input), snakemake.params.rows, snakemake.output[0])
