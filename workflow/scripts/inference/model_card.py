from stnet.core.job import job
from stnet.record.model_card import write_model_card

with job(snakemake.log[0]):
    write_model_card(
        snakemake.input,
        snakemake.output[0],
        title=snakemake.params.title,
        cohort=snakemake.params.cohort,
    )
