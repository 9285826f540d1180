from stnet.core.job import job
from stnet.simulation.write import write_section

with job(snakemake.log[0]):
    write_section(
        snakemake.output.image,
        snakemake.output.counts,
        snakemake.output.spots,
        snakemake.output.labels,
        section=snakemake.wildcards.section,
        patient=snakemake.params.patient,
        seed=snakemake.params.seed,
        content={
            "all_tumour": snakemake.params.all_tumour,
            "controls": snakemake.params.controls,
        },
    )
