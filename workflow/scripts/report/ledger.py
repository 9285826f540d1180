from stnet.core.job import job
from stnet.report.ledger import write_ledger

with job(snakemake.log[0]):
    results = dict(snakemake.input.items())
    write_ledger(
        results.pop("claims"),
        results,
        snakemake.output.tsv,
        snakemake.output.html,
        about=snakemake.params.about,
        judged=snakemake.params.judged,
        other_data=snakemake.params.other_data,
        rules=snakemake.params.rules,
    )
