from pathlib import Path

from stnet.cohorts.simulated.visium import write_visium
from stnet.core.job import job

with job(snakemake.log[0]):
    write_visium(
        snakemake.output.image,
        snakemake.output.counts,
        Path(snakemake.output.positions).parent,
        section=snakemake.wildcards.section,
        patient=snakemake.params.patient,
        seed=snakemake.params.seed,
        version=1,
    )
