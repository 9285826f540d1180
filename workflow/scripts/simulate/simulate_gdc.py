from stnet.core.job import job
from stnet.simulation.gdc import write_gdc

with job(snakemake.log[0]):
    write_gdc(
        snakemake.output[0],
        seed=snakemake.params.simulation["seed"],
        patients=snakemake.params.simulation["patients"],
        project=snakemake.params.project,
    )
