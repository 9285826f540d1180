from stnet.core.job import job
from stnet.report.protocols import write_protocols

with job(snakemake.log[0]):
    write_protocols(
        snakemake.input.predictions,
        snakemake.input.genes,
        snakemake.output.tsv,
        snakemake.output.html,
        snakemake.output.figures,
        methods=snakemake.params.methods,
        smoothing=snakemake.params.smoothing,
    )
