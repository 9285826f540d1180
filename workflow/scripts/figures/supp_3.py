from stnet.core.job import job
from stnet.figures.supp_3 import draw

with job(snakemake.log[0]):
    tables = {name.capitalize(): snakemake.input.get(name) for name in ("sections", "slides")}
    draw({name: paths for name, paths in tables.items() if paths}, snakemake.output)
