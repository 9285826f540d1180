from stnet.core.job import job
from stnet.report.leaks import write_leaks

with job(snakemake.log[0]):
    write_leaks(
        snakemake.input.sections,
        snakemake.output.tsv,
        snakemake.output.html,
        experiments=snakemake.params.experiments,
        targets=snakemake.params.targets,
        features=snakemake.input.features,
        weights=snakemake.params.weights,
        simulated=snakemake.params.simulated,
    )
