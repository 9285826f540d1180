from stnet.core.device import lease_card
from stnet.core.job import job
from stnet.external.model import Model
from stnet.external.sections import predict_section

with job(snakemake.log[0]):
    device = lease_card() if snakemake.resources.gpu else "cpu"
    predict_section(
        snakemake.input.section,
        Model(snakemake.input.model, device=device, threads=snakemake.threads, marks=None),
        snakemake.output.predictions,
        snakemake.output.alignment,
        scale=snakemake.params.scale,
        spot_window=snakemake.params.spot_window,
        genes=snakemake.input.genes or None,
        code=snakemake.params.digest,
    )
