# The certificate of a finished run, with which the target `verify` compares the files.

import platform
import subprocess
from datetime import UTC, datetime

from stnet.checks.certificate import Job, short_name, write_certificate
from stnet.core.checksums import json_sha256

CERTIFICATE = "results/certificate.sha256"
# Keys that change no result.
NO_RESULT = {"calibration", "tensorboard", "verify_sample", "verify_seed"}


def certify():
    """Write the certificate of a run whose targets are all made, and print its hash.

    Whatever hinders it is a line, because the results are there.
    """
    jobs = [(job, made) for job, made in jobs_made("") if job.output]
    if IS_MODULE or not jobs or not all(made for _, made in jobs):
        return
    try:
        sha256 = write_certificate(
            CERTIFICATE,
            [finished(job) for job, _ in jobs],
            read_at_the_start(),
            {"targets": " ".join(targets_of_run()), **facts_of_run()},
        )
    except KeyboardInterrupt:
        print("no certificate: interrupted; run again to write it", file=sys.stderr)
    except (InputError, OSError) as error:
        print(f"no certificate: {error}", file=sys.stderr)
    else:
        print(f"{CERTIFICATE}: what this run read and wrote (SHA-256 {sha256})")


def finished(job):
    """A finished job as the certificate takes it. It has read the image that it ran in, too."""
    record = workflow.persistence.metadata(job.output[0])
    # The end is the date of an output, which may be that of a copied file.
    ended = datetime.fromtimestamp(max(record.starttime, record.endtime) if record else 0, UTC)
    image = [config["container"]] if USES_APPTAINER and Path(config["container"]).is_file() else []
    return Job(job.rule.name, (*map(str, job.input), *image), tuple(map(str, job.output)), ended)


def targets_of_run():
    """Targets that were asked for: rules and files."""
    rules = {each.name for each in workflow.dag.targetrules}
    return sorted(rules | set(map(str, workflow.dag.targetfiles)))


def read_at_the_start():
    """Files that decide what is run, besides code: configuration, sheets, and locks of downloads."""
    cohorts = [config["cohorts"][name]["sheet"] for name in config["report"]]
    named = [*workflow.configfiles, *cohorts, *map(str, Path("config").glob("**/*.lock.tsv"))]
    return [find(each) for each in named if Path(find(each)).is_file()]


def facts_of_run():
    """What the bits of a run depend on, besides files."""
    given = {key: value for key, value in config.items() if key not in NO_RESULT}
    return {
        "commit": commit(),
        "configuration": json_sha256(given),
        "configuration files": " ".join(short_name(str(each)) for each in workflow.configfiles),
        "device": config["device"],
        "cores": str(workflow.resource_settings.cores),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def commit():
    """The checkout's commit, and whether tracked files differ from it; empty without Git."""
    options = "describe --always --abbrev=40 --dirty --exclude=*".split()
    if not (CHECKOUT / ".git").exists() or not which("git"):
        return ""
    command = ["git", "-C", CHECKOUT, *options]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
