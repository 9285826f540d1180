from stnet.analysis.bulk.pseudobulk import write_pseudobulk
from stnet.core.job import job

with job(snakemake.log[0]):
    write_pseudobulk(
        snakemake.input.slides,
        snakemake.params.rows,
        snakemake.input.bulk,
        snakemake.input.genes or None,
        dict(snakemake.output.items()),
    )
