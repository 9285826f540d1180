"""The rules as Snakemake itself reads them."""

from contextlib import chdir
from functools import cache
from pathlib import Path

from project import ROOT
from snakemake.api import SnakemakeApi
from snakemake.rules import Rule
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

# Rules of the root Snakefile, which only name files.
TARGETS = ("all", "supplement", "arena", "leak_lab", "predict", "doctor", "export")


@cache
def load_rules(configuration: str = "config/demo.yaml") -> dict[str, Rule]:
    """All rules but the targets, by name, under a configuration file of the repository."""
    rules = load_workflow(ROOT, ROOT / configuration)
    return {name: rule for name, rule in rules.items() if name not in TARGETS}


def load_workflow(folder: Path, *configurations: Path) -> dict[str, Rule]:
    """All rules of the Snakefile in a folder, by name, as of a run in that folder.

    Functions of rules that were loaded before see the configuration of the last ones.
    """
    load_rules.cache_clear()
    # Snakemake would stay in the folder.
    with chdir(folder), SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        loader = api.workflow(
            resource_settings=ResourceSettings(),
            config_settings=ConfigSettings(configfiles=list(configurations)),
            snakefile=folder / "Snakefile",
            workdir=folder,
        )
        workflow = loader._get_workflow(check_envvars=False)
        workflow.include(loader.snakefile, overwrite_default_target=True, print_compilation=False)
        workflow.check()
        return {rule.name: rule for rule in workflow.rules}
