from stnet.core.job import job
from stnet.simulation.gdc_server import host_of
from stnet.sources.gdc import download_file

with (
    job(snakemake.log[0]),
    host_of(snakemake.input.gdc, snakemake.config["hosts"]["gdc"]) as host,
):
    row = snakemake.params.row
    download_file(
        host,
        row["expression"],
        snakemake.output[0],
        md5=row["expression_md5"],
        size=int(row["expression_size"]) if row["expression_size"] else None,
    )
