from stnet.config.engine import Engine
from stnet.core.gpu import lease_gpu
from stnet.core.job import job
from stnet.training.apply import predict_held_out

with job(snakemake.log[0]):
    device = lease_gpu() if snakemake.resources.gpu else "cpu"
    predict_held_out(
        snakemake.input.index,
        snakemake.input.targets,
        snakemake.input.model,
        snakemake.input.card,
        snakemake.output[0],
        experiment=snakemake.wildcards.experiment,
        held_out=snakemake.wildcards.held_out,
        held_out_sections=snakemake.params.held_out_sections,
        latent=snakemake.params.latent,
        engine=Engine(**snakemake.params.engine[device]),
        device=device,
        threads=snakemake.threads,
        code=snakemake.params.digest,
    )
