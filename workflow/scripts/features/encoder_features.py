from stnet.core.gpu import lease_gpu
from stnet.core.job import job
from stnet.features.encoded import encode_section

with job(snakemake.log[0]):
    encode_section(
        snakemake.input.section,
        snakemake.input.index,
        snakemake.output[0],
        view=snakemake.params.view,
        settings={
            **snakemake.params.settings,
            "weights": snakemake.input.get("weights") or None,
        },
        device=lease_gpu() if snakemake.resources.gpu else "cpu",
        threads=snakemake.threads,
        code=snakemake.params.digest,
    )
