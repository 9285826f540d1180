from stnet.core.job import job
from stnet.exports.csv_table import write_csv

with job(snakemake.log[0]):
    write_csv(snakemake.input[0], snakemake.wildcards.section, snakemake.output[0])
