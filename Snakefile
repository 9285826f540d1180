"""ST-Net, end to end: loads and validates the configuration, includes the rules, names the targets."""

import atexit
import csv
import os
import re
import shlex
import sys
import time
import unicodedata
from functools import cache
from inspect import signature
from pathlib import Path
from shutil import which

# The folder of this file, also where another workflow uses it as a module.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
# Snakemake hands this path to every script, with conda and on clusters alike.
sys.path.insert(0, str(CHECKOUT / "src"))

from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from stnet.cohorts.suspicion import collect_warnings
from stnet.config.base import suggest_one
from stnet.config.configuration import Configuration
from stnet.config.installed import missing_architecture
from stnet.config.memory import prediction_mb, training_mb
from stnet.config.names import IMAGENET, RANDOM
from stnet.config.recipe import Training
from stnet.config.as_written import check_as_written
from stnet.core.checkout import find
from stnet.core.digest import Library, code_digest
from stnet.core.errors import InputError
from stnet.core.gpu import why_no_gpu
from stnet.core.hashing import file_identity, file_sha256
from stnet.core.parsed_code import ParsedCode
from stnet.config.section_sheet import COLUMNS as SHEET_COLUMNS
from stnet.config.section_sheet import (
    FORMATS,
    GROUP_ID,
    LONGEST_ID,
    check_row,
    files_of,
)
from stnet.config.segmentation import Segmentation
from stnet.config.space_ranger import output_files
from stnet.config.split import ALL, HELD_OUT, held_out_groups
from stnet.inference.wanted_genes import find_genes

if workflow.modifier.is_main_snakefile():

    configfile: find("config/config.yaml")

else:
    # The config.yaml of the working directory is the other workflow's. What it gives the module
    # overrides the configuration that comes with the module.
    given, config = config, load_configfile(CHECKOUT / "config/config.yaml")
    update_config(config, given)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common/doctor.smk"
include: "workflow/rules/common/configuration.smk"
include: "workflow/rules/common/digest.smk"
include: "workflow/rules/common/progress.smk"
include: "workflow/rules/common/environments.smk"
include: "workflow/rules/common/nested.smk"
include: "workflow/rules/common/memory.smk"
include: "workflow/rules/common/sections.smk"
include: "workflow/rules/common/experiments.smk"
include: "workflow/rules/common/certificate.smk"
include: "workflow/rules/common/record.smk"
include: "workflow/rules/common/report.smk"
include: "workflow/rules/common/analyses.smk"
include: "workflow/rules/common/external.smk"
include: "workflow/rules/common/viewer.smk"
include: "workflow/rules/common/own_images.smk"
include: "workflow/rules/common/exports.smk"
include: "workflow/rules/targets.smk"


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


rule all:
    """The main results of every cohort under `report`."""
    input:
        results,
    localrule: True


rule supplement:
    """All, and the ablations."""
    input:
        results,
        ablations,
    localrule: True


rule arena:
    """The methods of each cohort's arena, scored under one protocol that does not leak."""
    input:
        arena_pages,
    localrule: True


rule leak_lab:
    """What each leak from the test into the training adds to r, of every cohort under `report`."""
    input:
        leak_labs,
    localrule: True


rule predict:
    """Predictions for slides and sections of your own, named under `predict`."""
    input:
        own_results,
    localrule: True


rule export:
    """Predictions in the formats of other programs: SpatialData, QuPath, OME-TIFF, CSV."""
    input:
        exports,
    localrule: True


include: "workflow/rules/download.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/sections.smk"
include: "workflow/rules/views.smk"
include: "workflow/rules/expression_targets.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/nuclei.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/composition.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/pathways.smk"
include: "workflow/rules/external.smk"
include: "workflow/rules/external_figures.smk"
include: "workflow/rules/viewer.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/within.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/interpretation.smk"
include: "workflow/rules/latent.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/verify.smk"
include: "workflow/rules/record.smk"


# Where this is a module, these are only its own rules.
set_parameters(workflow.modifier.rules)
escape_environments(workflow.modifier.rules)
raise_memory(workflow.modifier.rules)


# Last, when all rules are as they would run.
include: "workflow/rules/doctor.smk"


atexit.register(print_last_lines)
