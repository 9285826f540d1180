"""ST-Net, end to end: loads and validates the configuration, includes the rules, names the targets."""

import re
import sys

# Snakemake hands this path to every script, with conda and on clusters alike.
sys.path.insert(0, f"{workflow.basedir}/src")

from stnet.config.configuration import Configuration
from stnet.config.recipe import Training
from stnet.core.digest import code_digest
from stnet.core.errors import InputError
from stnet.core.hashing import file_sha256
from stnet.config.section_sheet import COLUMNS as SHEET_COLUMNS
from stnet.config.section_sheet import GROUP_ID
from stnet.config.segmentation import Segmentation
from stnet.config.split import ALL, held_out_groups


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/shown.smk"
include: "workflow/rules/analysed.smk"
include: "workflow/rules/applied.smk"
include: "workflow/rules/own.smk"


wildcard_constraints:
    cohort=NAME,
    experiment=NAME,
    other=NAME,
    targets=NAME,
    features=NAME,
    study=NAME,
    section=GROUP_ID,
    source=NAME,
    model=GROUP_ID,
    unit=GROUP_ID,
    held_out=GROUP_ID,
    view=r"\d+x\d+",
    stratum="|".join(STRATA),


localrules:
    all,
    supplement,
    predict,


rule all:
    input:
        results,


rule supplement:
    input:
        results,
        ablations,


rule predict:
    input:
        own_results,


include: "workflow/rules/download.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/sections.smk"
include: "workflow/rules/views.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/nuclei.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/composition.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/pathways.smk"
include: "workflow/rules/external.smk"
include: "workflow/rules/external_figures.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/within.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/interpretation.smk"
include: "workflow/rules/latent.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/plan.smk"


# Snakemake reruns a job when its script changes, but does not see what the script imports. So the
# digest of that code is a parameter of every rule. Two stages have none: downloads, which are held
# to hashes, and plan, which has no outputs. A slide is not predicted again for a new downloader.
for each in workflow.rules:
    if each.script and Path(each.script).parent.name not in ("download", "plan"):
        each.set_params(digest=digest(each.script))
