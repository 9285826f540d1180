from stnet.cohorts.simulated.write import write_section
from stnet.core.job import job

with job(snakemake.log[0]):
    write_section(
        snakemake.output.image,
        snakemake.output.counts,
        snakemake.output.spots,
        snakemake.output.labels,
        section=snakemake.wildcards.section,
        patient=snakemake.params.patient,
        seed=snakemake.params.seed,
        all_tumour=snakemake.params.all_tumour,
    )
