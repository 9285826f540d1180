from stnet.core.gpu import lease_gpu
from stnet.core.job import job
from stnet.inference.model import Model
from stnet.inference.sections import predict_section

with job(snakemake.log[0]):
    device = lease_gpu() if snakemake.resources.gpu else "cpu"
    predict_section(
        snakemake.input.section,
        Model(
            snakemake.input.model,
            device=device,
            threads=snakemake.threads,
            code=snakemake.params.digest,
            reliability=None,
        ),
        snakemake.output.predictions,
        snakemake.output.alignment,
        scale=snakemake.params.scale,
        genes=snakemake.input.genes or None,
    )
