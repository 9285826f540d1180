from stnet.core.job import job
from stnet.report.leak_lab import write_leak_lab

with job(snakemake.log[0]):
    write_leak_lab(
        snakemake.input.sections,
        snakemake.input.features,
        snakemake.output.tsv,
        snakemake.output.html,
        genes=snakemake.params.genes,
        transform=snakemake.params.transform,
        components=snakemake.params.components,
    )
