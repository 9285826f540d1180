from stnet.core.job import job
from stnet.report.within import write_within

with job(snakemake.log[0]):
    write_within(
        dict(zip(snakemake.params.strata, snakemake.input.summaries, strict=True)),
        dict(zip(snakemake.params.strata, snakemake.input.genes, strict=True)),
        snakemake.input.thresholds,
        snakemake.input.spread,
        snakemake.input.claims or None,
        snakemake.output.tsv,
        snakemake.output.html,
        experiment=snakemake.params.main,
    )
