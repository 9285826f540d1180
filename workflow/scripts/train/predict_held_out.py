from stnet.config.engine import Engine
from stnet.core.gpu import lease_gpu
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob
from stnet.training.apply import predict_held_out

with job(snakemake.log[0]):
    device = lease_gpu() if snakemake.resources.gpu else "cpu"
    predict_held_out(
        dict(snakemake.input.items()),
        snakemake.output[0],
        HeldOutJob.of(snakemake.wildcards, snakemake.params, snakemake.threads),
        latent=snakemake.params.latent,
        engine=Engine(**snakemake.params.engine[device]),
        device=device,
    )
