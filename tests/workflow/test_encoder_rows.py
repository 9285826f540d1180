"""The page of encoders: its example is planned, and refused at once without weights."""

import re

import pytest
from project import DEMO, ROOT, copy_project, planned, snakemake

PAGE = (ROOT / "docs/how-to/encoders.md").read_text(encoding="utf-8")
CONFIGURATION = ("--configfile", "config/encoders.yaml", "mine.yaml")
(TARGET,) = re.findall(r"^snakemake .* mine\.yaml -- (\S+)$", PAGE, re.M)


@pytest.fixture
def project(tmp_path):
    """The project with the page's example as a configuration."""
    folder = copy_project(tmp_path / "project")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    (folder / "mine.yaml").write_text(f"{example}cohorts: {{mine: {{inherit: stnet}}}}\n")
    return folder


def test_the_pages_example_is_one_check_and_features_of_every_section(project):
    ((file, place),) = re.findall(r"^hf download \S+ (\S+) --local-dir (\S+)$", PAGE, re.M)
    (project / place).mkdir(parents=True)
    (project / place / file).touch()
    jobs = planned(project, "--", TARGET, configuration=CONFIGURATION)
    assert (jobs["check_encoder"], jobs["encoder_features"], jobs["predict_ridge"]) == (1, 68, 23)
    assert "train" not in jobs


def test_without_weights_the_dry_run_says_where_they_are(project):
    done = snakemake(project, "-n", *CONFIGURATION, "--", TARGET, check=False)
    assert done.returncode
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "error: configuration: features.uni2.weights: no file"
        " resources/weights/uni2-h/pytorch_model.bin; download it from"
        " huggingface.co/MahmoodLab/UNI2-h, or correct the path"
    )


@pytest.mark.full
def test_a_wrong_encoder_is_refused_by_the_first_job(project):
    row = "{inherit: demo-encoder, library: timm, architecture: test_vitt, options: {}}"
    (project / "mine.yaml").write_text(f"features: {{bad: {row}}}\n")
    # The tables of the cohort, which another job makes, can be computed at once too.
    targets = ("results/demo/features/bad.h5ad", "resources/demo/BC90001_C1/counts.tsv.gz")
    arguments = (*DEMO, "mine.yaml", "--cores", "1", "--until", "check_encoder", "simulate_section")
    done = snakemake(project, *arguments, "--", *targets, check=False)
    rules = re.findall(r"^(?:local)?rule (\w+):$", done.stderr, re.M)
    assert done.returncode
    assert rules[0] == "check_encoder"
    assert "simulate_section" in rules
    assert "error: architecture test_vitt with {}: Unknown model" in done.stderr
    assert "Traceback" not in done.stderr
