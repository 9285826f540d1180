from contextlib import ExitStack

from stnet.cohorts.gdc_sheet import write_slide_sheet
from stnet.cohorts.simulated.gdc_server import serve
from stnet.core.job import job

with job(snakemake.log[0]):
    for name, source in snakemake.params.sources.items():
        with ExitStack() as stack:
            host = snakemake.config["hosts"]["gdc"]
            if source["source"] == "simulated":
                host = stack.enter_context(serve(f"resources/{name}/gdc"))
            write_slide_sheet(source["sheet"], host=host, project=source["project"])
