from stnet.core.job import job
from stnet.report.studies import write_study

with job(snakemake.log[0]):
    write_study(
        dict(zip(snakemake.params.changed, snakemake.input.summaries, strict=True)),
        dict(zip(snakemake.params.changed, snakemake.input.patients, strict=True)),
        snakemake.output.tsv,
        snakemake.output.html,
        changed=snakemake.params.changed,
        reference=snakemake.params.reference,
        titles=snakemake.params.titles,
        title=snakemake.params.title,
    )
