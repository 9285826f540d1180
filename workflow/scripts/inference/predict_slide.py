from stnet.config.tiles import Cut
from stnet.core.gpu import lease_gpu
from stnet.core.job import job
from stnet.inference.model import Model
from stnet.inference.slides import predict_slide
from stnet.networks.image_encoder import Encoder
from stnet.slides.scale import Configured
from stnet.sources.slide import slide_at_hand

source = snakemake.config["external"][snakemake.wildcards.source]

with (
    job(snakemake.log[0]),
    slide_at_hand(
        snakemake.params.row,
        snakemake.params.folder,
        host=snakemake.config["hosts"]["gdc"],
        mirror=snakemake.input.archive or source["mirror"],
    ) as slide,
):
    # Only now, so that no GPU waits for a download.
    device = lease_gpu() if snakemake.config["device"] == "cuda" else "cpu"
    model = Model(
        snakemake.input.model,
        device=device,
        threads=snakemake.threads,
        code=snakemake.params.digest,
        reliability=None,
    )
    predict_slide(
        slide,
        model,
        snakemake.output[0],
        about={key: value for key, value in snakemake.params.row.items() if key != "file"},
        cut=Cut(**snakemake.params.cut),
        configured=Configured(
            snakemake.params.um_per_px, key=f"external.{snakemake.wildcards.source}"
        ),
        encoder=Encoder(
            "torchvision",
            snakemake.params.encoder["architecture"],
            snakemake.params.encoder["architecture_options"],
            snakemake.input.encoder or None,
            engine=model.card["engine"][device],
            device=device,
        ),
        must_read=False,
    )
