from stnet.core.job import job
from stnet.planning.pending import pending_jobs
from stnet.planning.plan import Machine, plan
from stnet.planning.workload import Cohort, Experiment
from stnet.report.claims import read_claims

with job(snakemake.log[0]):
    claims = read_claims(snakemake.input.claims).set_index("id")["value"]
    text = plan(
        {name: Cohort(**keys) for name, keys in snakemake.params.cohorts.items()},
        {name: Experiment(**keys) for name, keys in snakemake.params.experiments.items()},
        pending_jobs(snakemake.params.dry_run, snakemake.params.config, ["all"]),
        Machine(**snakemake.params.machine),
        published=int(claims["cohort.spots"]),
        seconds=snakemake.params.seconds,
    )
    print(text, end="")
