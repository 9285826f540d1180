from stnet.core.job import job
from stnet.exports.geojson import write_geojson

with job(snakemake.log[0]):
    write_geojson(
        snakemake.input[0],
        snakemake.wildcards.section,
        snakemake.output[0],
        genes=snakemake.params.genes,
    )
