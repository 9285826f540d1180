from contextlib import ExitStack

from stnet.cohorts.gdc import download_file
from stnet.cohorts.simulated.gdc_server import serve
from stnet.core.job import job

with job(snakemake.log[0]), ExitStack() as stack:
    host = snakemake.config["hosts"]["gdc"]
    if snakemake.input.gdc:
        host = stack.enter_context(serve(snakemake.input.gdc))
    row = snakemake.params.row
    download_file(
        host,
        row["expression"],
        snakemake.output[0],
        md5=row["expression_md5"],
        size=int(row["expression_size"]) if row["expression_size"] else None,
    )
