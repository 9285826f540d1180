from stnet.analysis.bulk.colocalised import write_predicted
from stnet.core.job import job

with job(snakemake.log[0]):
    write_predicted(list(snakemake.input), dict(snakemake.output.items()), **snakemake.params.genes)
