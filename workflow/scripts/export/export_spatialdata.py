from stnet.core.job import job
from stnet.exports.spatialdata_zarr import write_spatialdata

with job(snakemake.log[0]):
    write_spatialdata(
        snakemake.input[0],
        snakemake.wildcards.section,
        snakemake.output.zarr,
        snakemake.output.page,
    )
