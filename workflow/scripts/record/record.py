from stnet.core.job import job
from stnet.record.run import Timed
from stnet.record.write import write_record

params = snakemake.params
with job(snakemake.log[0]):
    write_record(
        params.certificate,
        params.facts,
        config=params.config,
        written=params.written,
        jobs={first: Timed(*files) for first, files in params.jobs.items()},
        lock=params.lock,
        workers=snakemake.threads,
    )
