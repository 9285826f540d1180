from stnet.core.job import job
from stnet.inference.precision import write_precision

with job(snakemake.log[0]):
    write_precision(snakemake.params.precision, snakemake.params.device, snakemake.output[0])
