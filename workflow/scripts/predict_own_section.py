from stnet.core.device import lease_card
from stnet.core.job import job
from stnet.external.model import Model
from stnet.external.sections import predict_section
from stnet.external.summary import write_summary
from stnet.slides.thumbnail import write_thumbnail

with job(snakemake.log[0]):
    device = lease_card() if snakemake.resources.gpu else "cpu"
    predict_section(
        snakemake.input.section,
        Model(
            snakemake.params.model["path"],
            device=device,
            threads=snakemake.threads,
            marks=snakemake.params.model["marks"],
        ),
        snakemake.output.predictions,
        snakemake.output.alignment,
        scale=snakemake.params.scale,
        spot_window=0,
        genes=snakemake.input.genes or None,
        code=snakemake.params.digest,
    )
    write_thumbnail(snakemake.input.image, snakemake.output.thumbnail, side=1000)
    write_summary(snakemake.output.predictions, snakemake.output.summary)
