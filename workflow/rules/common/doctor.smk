# What the target `doctor` is told of a run.

from contextlib import redirect_stderr
from io import StringIO

from snakemake.cli import parse_args
from snakemake.settings.types import DeploymentMethod


def command_of(target):
    """The parsed command line, if it has this target; Snakemake itself has it only after loading."""
    # Another program that has loaded the rules has other arguments.
    if target not in sys.argv or "snakemake" not in Path(sys.argv[0]).parts[-2:]:
        return None
    # It says again which profile it takes.
    with redirect_stderr(StringIO()):
        _, found = parse_args(sys.argv[1:])
    return found if target in found.targets else None


EXAMINED = command_of("doctor")


def examine(fault=""):
    """Print what this machine has and lacks, and end. `fault` is why the workflow does not start."""
    # Other runs do without.
    from stnet.planning.doctor import Run, doctor

    asked = EXAMINED
    deployed = set(asked.software_deployment_method) - {DeploymentMethod.ENV_MODULES}
    deployed |= {DeploymentMethod.CONDA} if asked.use_conda else set()
    for method in deployed:
        if not which(str(method)):
            # Said in a line of its own; it must not keep the rest from being looked at.
            workflow.deployment_settings.deployment_method.discard(method)
    written = globals().get("WRITTEN", config)
    device = written.get("device", "cuda")
    gpus = workflow.global_resources["gpu"].value
    facts = {
        "config": written,
        "files": list(map(str, workflow.configfiles)),
        "fault": fault,
        "deployed": sorted(map(str, deployed)),
        "executor": asked.executor or "local",
        "device": device,
        "at_once": gpus if device == "cuda" else asked.cores or asked.jobs or 1,
    }
    if not fault:
        facts |= {
            "pending": {
                "summary": pending_command(asked.rerun_triggers),
                "config": WRITTEN,
                "n_outputs": outputs_of_rules(None),
                "targets": [each for each in asked.targets if each != "doctor"] or ["all"],
            },
            "cohorts": planned_cohorts(None),
            # Those that the targets do not need have no pending jobs.
            "experiments": planned_experiments(None, supplement=True),
        }
    sys.exit(doctor(Run(**facts)))
