"""A cohort of two sections whose files are empty, as a user would write it."""

from project import ROOT, snakemake

SHEET = """\
patient\tsection\tformat\timage\tcounts\tspots\tlabels\tgrid\tum_per_px\tpixel_scale
A\tA_1\tst-v5\ta\ta\ta\t\tsquare\t\t
B\tB_1\tst-v5\tb\tb\tb\t\tsquare\t\t
"""
CONFIGURATION = """\
report: [mine]
device: cuda
cohorts:
  mine:
    sheet: mine.tsv
    root: ""
    require_label: false
    label_classes: {tumour: [], normal: []}
    spot_window: 224
    spot_pitch_um: 200
    report: {main: mine, gene: FASN}
experiments:
  mine: {inherit: densenet121, cohort: mine, weights: random}
  other: {inherit: ridge, cohort: mine, features: other, penalties: [1]}
features:
  other: {kind: encoder, library: timm, architecture: vit_base_patch16_244}
"""


def refused_run(folder, monkeypatch):
    """Write the cohort in a folder; return a function that runs Snakemake there, which must fail.

    There is neither a GPU nor conda. The function takes arguments of Snakemake and returns the
    finished process.
    """
    (folder / "mine.tsv").write_text(SHEET)
    (folder / "mine.yaml").write_text(CONFIGURATION)
    for name in "ab":
        (folder / name).touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    def run(*arguments):
        done = snakemake(folder, "--snakefile", str(ROOT / "Snakefile"), *arguments, check=False)
        assert done.returncode
        assert "Traceback" not in done.stderr
        return done

    return run
