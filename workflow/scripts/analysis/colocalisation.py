from stnet.analysis.bulk.colocalised import write_measured
from stnet.core.job import job

with job(snakemake.log[0]):
    write_measured(snakemake.input[0], dict(snakemake.output.items()), **snakemake.params.genes)
