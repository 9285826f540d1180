from stnet.core.job import job
from stnet.report.front import write_front

with job(snakemake.log[0]):
    tables = dict(snakemake.input.items())
    write_front(
        {name: path for name, path in tables.items() if name != "pictures"},
        snakemake.input.pictures,
        snakemake.output.html,
        snakemake.output.warnings,
        about=snakemake.params.about,
        pages=snakemake.params.pages,
    )
