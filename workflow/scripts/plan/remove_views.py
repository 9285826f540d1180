from stnet.core.job import job
from stnet.planning.pending import Cohort, Experiment, pending_jobs, remove_views

params = snakemake.params
with job(snakemake.log[0]):
    cohorts = {name: Cohort(**keys) for name, keys in params.cohorts.items()}
    experiments = {name: Experiment(**keys) for name, keys in params.experiments.items()}
    pending = pending_jobs(params.summary, params.config, params.n_outputs)
    print(*remove_views(cohorts, experiments, pending), sep="\n")
