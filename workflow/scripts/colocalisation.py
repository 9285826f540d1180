from stnet.core.job import job
from stnet.external.colocalised import write_measured

with job(snakemake.log[0]):
    write_measured(snakemake.input[0], dict(snakemake.output.items()), **snakemake.params.genes)
