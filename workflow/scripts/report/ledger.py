from stnet.core.job import job
from stnet.report.ledger import write_ledger

with job(snakemake.log[0]):
    write_ledger(
        dict(snakemake.input.items()),
        snakemake.output.tsv,
        snakemake.output.html,
        cohort=snakemake.wildcards.cohort,
        main=snakemake.params.main,
        is_paper_cohort=snakemake.params.is_paper_cohort,
        other_data=snakemake.params.other_data,
        rules=snakemake.params.rules,
    )
