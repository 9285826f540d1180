from stnet.config.segmentation import Segmentation
from stnet.core.job import job
from stnet.features.nuclear import write_nuclear_features
from stnet.features.patch_statistics import Histograms

with job(snakemake.log[0]):
    write_nuclear_features(
        snakemake.input.section,
        snakemake.input.index,
        snakemake.output[0],
        view=snakemake.params.view,
        segmentation=Segmentation(**snakemake.params.segmentation),
        histograms=Histograms(snakemake.params.ranges, snakemake.params.bins),
        threads=snakemake.threads,
        code=snakemake.params.digest,
    )
