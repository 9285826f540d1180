from stnet.core.gpu import lease_gpu
from stnet.core.job import job
from stnet.inference.model import Model
from stnet.inference.precision import read_precision
from stnet.inference.sections import predict_section
from stnet.inference.summary import write_summary

with job(snakemake.log[0]):
    device = lease_gpu() if snakemake.resources.gpu else "cpu"
    predict_section(
        snakemake.input.section,
        Model(
            snakemake.params.model["path"],
            device=device,
            threads=snakemake.threads,
            code=snakemake.params.digest,
            reliability=snakemake.params.model["reliability"],
            level=snakemake.params.level,
            precision=read_precision(snakemake.input.precision),
        ),
        snakemake.output.predictions,
        snakemake.output.alignment,
        scale=snakemake.params.scale,
        genes=snakemake.input.genes or None,
    )
    write_summary(snakemake.output.predictions, snakemake.output.summary)
