from stnet.core.job import job
from stnet.report.pathways import write_pathways_page

with job(snakemake.log[0]):
    write_pathways_page(
        snakemake.input.groups,
        snakemake.input.sets,
        snakemake.input.claims or None,
        snakemake.output[0],
        experiment=snakemake.params.main,
        level=snakemake.params.level,
    )
