from stnet.config.segmentation import Segmentation
from stnet.core.job import job
from stnet.features.nuclear import write_nuclear_features

with job(snakemake.log[0]):
    write_nuclear_features(
        snakemake.input.section,
        snakemake.input.index,
        snakemake.output[0],
        view=snakemake.params.view,
        spot_window=snakemake.params.spot_window,
        segmentation=Segmentation(**snakemake.params.segmentation),
        ranges=snakemake.params.ranges,
        bins=snakemake.params.bins,
        threads=snakemake.threads,
        code=snakemake.params.digest,
    )
