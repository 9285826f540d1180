"""What a run lacks is said in its own line, before anything is downloaded or computed."""

import pytest
from small_cohort import CONFIGURATION, SHEET, refused_run


@pytest.fixture
def said(tmp_path, monkeypatch):
    """Return a function that runs Snakemake on a small cohort and gives the line it ends with."""
    refused = refused_run(tmp_path, monkeypatch)

    def run(*arguments):
        done = refused(*arguments)
        assert "not finished" not in done.stdout
        assert not (tmp_path / "results").exists()
        run.stderr = done.stderr
        return done.stderr.splitlines()[-1]

    return run


def test_a_target_that_an_option_takes(said):
    line = said("--configfile", "mine.yaml", "predict")
    assert line == "error: --configfile: no file predict; if it is a target, write -- before it"
    line = said("--config", "device=cpu", "predict")
    assert line.endswith("predict is not KEY=VALUE; if it is a target, write -- before it")


def test_conda_that_is_not_there(said):
    line = said("--configfile", "mine.yaml", "--use-conda", "-n")
    assert line.startswith("error: --use-conda: no conda on the PATH; install it")


def test_a_gpu_that_is_not_there(said):
    line = said("--configfile", "mine.yaml")
    assert line.startswith(
        "error: device: cuda is configured, but CUDA_VISIBLE_DEVICES= hides every GPU, which 4 jobs"
    )


def test_a_gpu_that_is_not_there_for_a_dry_run_of_predict(said, tmp_path):
    for suffix in ("safetensors", "genes.tsv"):
        (tmp_path / f"a.{suffix}").touch()
    given = "predict={model: a.safetensors, slides: [a, b]}"
    line = said("--config", given, "device=cuda", "-n", "--", "predict")
    assert "CUDA_VISIBLE_DEVICES= hides every GPU, which 2 jobs need" in line


def test_an_encoder_that_is_not_there(said):
    line = said(
        "--configfile", "mine.yaml", "-n", "--", "results/mine/tables/other/all/summary.tsv"
    )
    assert line.startswith(
        "error: configuration: features.other.architecture: no vit_base_patch16_244 in timm; is it"
    )


def test_the_experiment_of_an_architecture_that_is_not_there(said, tmp_path):
    text = CONFIGURATION.replace("weights: random}", "weights: random, architecture: resnet19}")
    (tmp_path / "mine.yaml").write_text(text)
    line = said("--configfile", "mine.yaml", "-n")
    assert line.startswith("error: configuration: experiments.mine.architecture: no resnet19 in")


def test_what_is_odd_in_a_sheet_is_said_once_and_the_run_goes_on(said, tmp_path):
    lines = [line.split("\t") for line in SHEET.replace("B\tB_1", "A0\tA_01").splitlines()]
    lines[0].append("note")
    (tmp_path / "mine.tsv").write_text("\n".join(map("\t".join, lines)))
    said("--configfile", "mine.yaml")
    odd = [line for line in said.stderr.splitlines() if line.startswith("warning: ")]
    assert [line.partition(";")[0] for line in odd] == [
        "warning: mine.tsv: column note is not read",
        "warning: mine.tsv: sections A_01 and A_1 differ only in zeros or separators",
    ]
