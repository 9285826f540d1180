from stnet.core.job import job
from stnet.simulation.gdc_server import serve
from stnet.sources.gdc_sheet import write_slide_sheet

with job(snakemake.log[0]):
    for source, archive in zip(snakemake.params.sources, snakemake.input, strict=True):
        with serve(archive) as host:
            write_slide_sheet(source["sheet"], host=host, project=source["project"])
