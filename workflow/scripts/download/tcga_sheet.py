from stnet.core.job import job
from stnet.simulation.gdc_server import host_of
from stnet.sources.gdc_sheet import write_slide_sheet

with job(snakemake.log[0]):
    for source in snakemake.params.sources:
        with host_of(source["gdc"], snakemake.config["hosts"]["gdc"]) as host:
            write_slide_sheet(source["sheet"], host=host, project=source["project"])
