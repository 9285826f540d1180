from pathlib import Path

from stnet.core.job import job
from stnet.simulation.visium import write_visium

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
