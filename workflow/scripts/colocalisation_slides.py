from stnet.core.job import job
from stnet.external.colocalised import write_predicted

with job(snakemake.log[0]):
    write_predicted(list(snakemake.input), dict(snakemake.output.items()), **snakemake.params.genes)
