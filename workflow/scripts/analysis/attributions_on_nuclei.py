from stnet.analysis.interpretation.on_nuclei import write_on_nuclei
from stnet.config.segmentation import Segmentation
from stnet.core.job import job

with job(snakemake.log[0]):
    write_on_nuclei(
        snakemake.input.arrays,
        snakemake.input.table,
        snakemake.input.targets,
        snakemake.input.index,
        dict(snakemake.output.items()),
        view=snakemake.params.view,
        nuclear_view=snakemake.params.nuclear_view,
        segmentation=Segmentation(**snakemake.params.segmentation),
    )
