from stnet.core.job import job
from stnet.planning.networks import Cohort, Experiment
from stnet.planning.pending import pending_jobs
from stnet.planning.views import needing_views, remove_views

params = snakemake.params
with job(snakemake.log[0]):
    cohorts = {name: Cohort(**keys) for name, keys in params.cohorts.items()}
    experiments = {name: Experiment(**keys) for name, keys in params.experiments.items()}
    pending = pending_jobs(params.summary, params.config, params.n_outputs)
    needing = needing_views(cohorts, experiments.values(), pending)
    print(*remove_views([cohort.views for cohort in cohorts.values()], needing), sep="\n")
