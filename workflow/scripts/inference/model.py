from stnet.core.gpu import lease_gpu
from stnet.core.job import job
from stnet.inference.model import write_model

with job(snakemake.log[0]):
    device = lease_gpu() if snakemake.resources.gpu else "cpu"
    files = zip(snakemake.input.networks, snakemake.input.cards, strict=True)
    write_model(
        dict(zip(snakemake.params.members, files, strict=True)),
        snakemake.output[0],
        about={key: snakemake.wildcards[key] for key in ("experiment", "model")},
        index=snakemake.input.index,
        targets=snakemake.input.targets,
        engine=snakemake.params.engine,
        device=device,
        threads=snakemake.threads,
    )
