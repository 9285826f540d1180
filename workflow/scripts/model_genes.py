from stnet.core.job import job
from stnet.external.marks import write_marks

with job(snakemake.log[0]):
    write_marks(snakemake.input.targets, snakemake.input.genes, snakemake.output[0])
