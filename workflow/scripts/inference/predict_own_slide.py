from stnet.config.tiles import Cut
from stnet.core.gpu import lease_gpu
from stnet.core.hashing import file_sha256
from stnet.core.job import job
from stnet.inference.model import Model
from stnet.inference.precision import read_precision
from stnet.inference.slides import predict_slide
from stnet.inference.summary import write_summary
from stnet.slides.scale import Configured

with job(snakemake.log[0]):
    device = lease_gpu() if snakemake.resources.gpu else "cpu"
    name = snakemake.wildcards.name
    predict_slide(
        snakemake.input.image,
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
        about={
            **dict.fromkeys(("patient", "sample", "slide"), name),
            "sha256": file_sha256(snakemake.input.image),
        },
        cut=Cut(**snakemake.params.cut),
        configured=Configured(snakemake.params.um_per_px, overrides=True),
        encoder=None,
        must_read=True,
    )
    write_summary(snakemake.output.predictions, snakemake.output.summary)
