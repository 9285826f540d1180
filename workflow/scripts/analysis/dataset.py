from stnet.analysis.dataset import describe_dataset
from stnet.core.job import job

with job(snakemake.log[0]):
    describe_dataset(
        snakemake.input.sections,
        snakemake.input.drops,
        dict(snakemake.output.items()),
    )
