from stnet.core.job import job
from stnet.report.external import write_visium_page

with job(snakemake.log[0]):
    write_visium_page(
        dict(zip(snakemake.params.names, snakemake.input.summaries, strict=True)),
        snakemake.input.alignments,
        snakemake.input.claims or None,
        snakemake.output[0],
        experiment=snakemake.params.main,
    )
