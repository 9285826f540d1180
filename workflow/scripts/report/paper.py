import shutil

from stnet.core.checkout import CHECKOUT
from stnet.core.job import job

with job(snakemake.log[0]):
    table = f"resources/{snakemake.wildcards.table}.tsv"
    shutil.copyfile(CHECKOUT / table, snakemake.output[0])
