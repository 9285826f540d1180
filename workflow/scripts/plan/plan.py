from stnet.core.job import job
from stnet.planning.plan import Machine, plan
from stnet.planning.progress import PLANNED
from stnet.planning.work import Cohort, Experiment, pending_jobs
from stnet.report.claims import read_claims

params = snakemake.params
with job(snakemake.log[0]):
    claims = read_claims(snakemake.input.claims).set_index("id")["value"]
    text = plan(
        {name: Cohort(**keys) for name, keys in params.cohorts.items()},
        {name: Experiment(**keys) for name, keys in params.experiments.items()},
        pending_jobs(params.summary, params.config, params.n_outputs),
        Machine(**params.machine),
        published=int(claims["cohort.spots"]),
        seconds=params.seconds,
        seconds_file=PLANNED,
    )
    print(text, end="")
