from stnet.core.job import job
from stnet.sources.gdc import download_file

with job(snakemake.log[0]):
    row = snakemake.params.row
    source = snakemake.config["external"][snakemake.wildcards.source]
    download_file(
        snakemake.config["hosts"]["gdc"],
        row["expression"],
        snakemake.output[0],
        md5=row["expression_md5"],
        size=int(row["expression_size"]) if row["expression_size"] else None,
        mirror=snakemake.input.archive or source["mirror"],
    )
