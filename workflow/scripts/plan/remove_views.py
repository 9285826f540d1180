from stnet.core.job import job
from stnet.planning.pending import pending_jobs
from stnet.planning.views import remove_views
from stnet.planning.workload import Cohort, Experiment, needing_views

with job(snakemake.log[0]):
    cohorts = {name: Cohort(**keys) for name, keys in snakemake.params.cohorts.items()}
    experiments = {name: Experiment(**keys) for name, keys in snakemake.params.experiments.items()}
    pending = pending_jobs(snakemake.params.dry_run, snakemake.params.config, ["all"])
    needing = needing_views(cohorts, experiments.values(), pending)
    print(*remove_views([cohort.views for cohort in cohorts.values()], needing), sep="\n")
