from stnet.core.job import job
from stnet.sources.gdc_sheet import write_slide_sheet

with job(snakemake.log[0]):
    for source in snakemake.params.sources:
        write_slide_sheet(
            source["sheet"], host=snakemake.config["hosts"]["gdc"], project=source["project"]
        )
