from stnet.core.job import job
from stnet.report.arena import write_arena

with job(snakemake.log[0]):
    outputs = dict(snakemake.output.items())
    figures = outputs.pop("figures")
    write_arena(
        dict(zip(snakemake.params.methods, snakemake.input.patients, strict=True)),
        snakemake.params.predictions,
        outputs,
        figures,
        methods=snakemake.params.methods,
        refused=snakemake.params.refused,
        reference=snakemake.params.reference,
        genes=snakemake.params.genes,
    )
