# One line on how far the run is, while it runs.

import signal
from threading import Event, Thread

from snakemake.settings.enums import Quietness

from stnet.core.terminal import LastLine, has_last_line
from stnet.planning.progress import Job as RemainingJob
from stnet.planning.progress import Progress, planned_seconds

LOOK = 1  # seconds between two looks at the jobs
DRAW = 5  # between two lines on a terminal
PRINT = 300  # between two lines elsewhere, such as in the log file of a cluster's job


def show_progress():
    """Show the progress of the run until it ends: the last line of a terminal, or a line at times.

    Runs of one job, and those that were asked to be quiet, have none.
    """
    quiet = {Quietness.ALL, Quietness.PROGRESS} & set(workflow.output_settings.quiet or ())
    jobs = {job.jobid: job for job in workflow.dag.needrun_jobs()}
    nested = not workflow.is_main_process or workflow.dag_settings.allowed_rules
    if quiet or nested or workflow.touch or len(jobs) < 2:
        return
    ended = Event()
    last_line = LastLine(sys.stderr) if has_last_line(sys.stderr) else None
    if last_line:
        signal.signal(signal.SIGTSTP, last_line.stop)
    arguments = (jobs, progress_of(jobs), ended, last_line)
    thread = Thread(target=follow, args=arguments, daemon=True)
    thread.start()
    atexit.register(lambda: (ended.set(), thread.join()))


def progress_of(jobs):
    """The progress of jobs by id, at the start."""
    limits = {name: n for name, n in workflow.scheduler.global_resources.items() if n < sys.maxsize}
    planned = planned_seconds()
    return Progress(
        {
            key: RemainingJob(
                benchmark=job.benchmark or "",
                log=next(iter(job.log), ""),
                limit=job.resources.get("runtime", 0),
                needs={
                    name: n
                    for name, n in job.scheduler_resources.items()
                    if name in limits and isinstance(n, int)
                },
                after=frozenset(each.jobid for each in workflow.dag.dependencies[job])
                & jobs.keys(),
                planned=next(filter(None, map(planned.get, job.output)), None),
            )
            for key, job in jobs.items()
        },
        limits,
    )


def follow(jobs, progress, ended, last_line):
    """Look at the scheduler again and again, and say what it does, until the run has `ended`.

    `last_line` is that of the terminal, or None.
    """
    # A clock that does not jump where that of the machine is set.
    begin = time.time() - time.monotonic()
    said = time.time()
    while not ended.wait(LOOK):
        now = begin + time.monotonic()
        progress.update(
            ids(workflow.scheduler.running) & jobs.keys(),
            {key for key, job in jobs.items() if workflow.dag.finished(job)},
            ids(workflow.scheduler.failed) & jobs.keys(),
            now,
        )
        if now - said < (DRAW if last_line else PRINT):
            continue
        said = now
        if last_line:
            last_line.show(progress.line(now))
        else:
            print(f"[{time.strftime('%H:%M')}] {progress.line(now)}", file=sys.stderr)
    if last_line:
        last_line.close()


def ids(jobs):
    """Ids of jobs, and of those in groups. The scheduler may change the set meanwhile."""
    each = jobs.copy()
    return {job.jobid for one in each for job in (one.jobs if one.is_group() else [one])}
