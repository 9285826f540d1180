from stnet.core.job import job
from stnet.features.encoded import check_encoder

with job(snakemake.log[0]):
    check_encoder(
        snakemake.output[0],
        view=snakemake.params.view,
        settings={
            **snakemake.params.settings,
            "weights": snakemake.input.get("weights") or None,
        },
        threads=snakemake.threads,
    )
