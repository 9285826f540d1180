from stnet.core.job import job
from stnet.evaluation.performance import evaluate

with job(snakemake.log[0]):
    evaluate(
        snakemake.input.predictions,
        snakemake.output.patients,
        snakemake.output.sections,
        snakemake.output.genes,
        snakemake.output.summary,
        stratum=snakemake.params.stratum,
        smoothing=snakemake.params.smoothing,
        lenient=snakemake.params.lenient,
    )
