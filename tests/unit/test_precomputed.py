"""Predictions made elsewhere: the same tables as from here, or one line that says why not."""

import logging
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import yaml
from handed_in import export
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import ROOT
from scipy import sparse

from stnet.baselines.precomputed import predict_precomputed
from stnet.config.experiments import Precomputed
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.evaluation.held_out import read_predictions
from stnet.evaluation.performance import evaluate
from stnet.expression.held_out_job import HeldOutJob
from stnet.expression.predictions import write_predictions

GROUPS = {"A": ["A1", "A2"], "B": ["B1"], "C": ["C1"], "D": ["D1"]}
PATIENTS = {section: patient for patient, sections in GROUPS.items() for section in sections}
N = 12
GENES = pd.DataFrame(
    {
        "symbol": pd.Categorical(["FASN", "GNAS", "XBP1", ""]),
        "ensembl": pd.Categorical(["ENSG00000169710", "ENSG00000087460", "", ""]),
    },
    index=["ENSG00000169710.7", "GNAS", "XBP1.old", "__no_feature"],
)
UNITS = {"transform": "log_fraction", "universe": 90}
TABLES = ["patient", "section", "gene", "summary"]


class Cohort:
    """Targets of four patients, and a prediction of each, as a network of ours would write it."""

    def __init__(self, folder: Path):
        random = np.random.default_rng(0)
        self.folder, self.targets = folder, folder / "targets.h5ad"
        n = N * len(PATIENTS)
        sections = np.repeat([*PATIENTS], N)
        column = np.tile(np.arange(N), len(PATIENTS))
        obs = pd.DataFrame(
            {
                "patient": pd.Categorical([PATIENTS[section] for section in sections]),
                "section": pd.Categorical(sections),
                "array_col": column % 4,
                "array_row": column // 4,
                "label": pd.Categorical(["tumour"] * n),
                "total_counts": random.integers(100, 9000, n),
            },
            index=[f"{s}:{c % 4}x{c // 4}" for s, c in zip(sections, column, strict=True)],
        )
        expression = random.normal(-7, 1, (n, len(GENES))).astype(np.float32)
        self.measured = ad.AnnData(
            expression,
            obs=obs,
            var=GENES,
            obsm={"spatial": random.uniform(0, 99, (n, 2))},
            uns={
                "targets": {**UNITS, "targets": "top250", "held_out_sections": []},
                "grid": dict.fromkeys(PATIENTS, "square"),
            },
        )
        write_h5ad(self.measured, self.targets)
        self.predicted = expression + random.normal(0, 1, expression.shape).astype(np.float32)
        for group in GROUPS:
            own = (obs["patient"] == group).to_numpy()
            about = {"experiment": "net", "held_out": group}
            write_predictions(self.ours(group), self.measured[own], self.predicted[own], about)

    def ours(self, group):
        return self.folder / f"{group}.predictions.h5ad"

    def theirs(self, group):
        return self.folder / f"{group}.theirs.h5ad"

    def hand_in(self, path, group="A", **changes):
        arguments = {
            "units": UNITS,
            "trained_on": [other for other in GROUPS if other != group],
            "pretrained_on": [],
            "patients": PATIENTS,
        }
        job = HeldOutJob("theirs", group, GROUPS[group], threads=1, code="0123")
        output = self.theirs(group)
        predict_precomputed(self.targets, path, output, job, **{**arguments, **changes})
        return ad.read_h5ad(output)

    def tables(self, files, name):
        paths = [self.folder / f"{name}.{table}.tsv" for table in TABLES]
        evaluate(files, *paths, stratum="all", smoothing="values", lenient=False)
        return [path.read_text() for path in paths]

    def plain(self, spots=slice(None), path="plain.h5ad", change=None):
        """A plain AnnData of some spots, perhaps changed, as a user would write it."""
        content = ad.AnnData(self.predicted, obs=self.measured.obs[["patient", "section"]].copy())
        content.var_names = GENES.index
        content = content[spots].copy()
        content = content if change is None else change(content)
        content.write_h5ad(self.folder / path)
        return self.folder / path


@pytest.fixture
def cohort(tmp_path):
    return Cohort(tmp_path)


def of(group):
    """Rows of the spots of a group."""
    return np.isin(np.repeat([*PATIENTS], N), GROUPS[group])


@pytest.mark.parametrize(
    ("suffix", "names"),
    [("h5ad", "gene"), ("h5ad", "symbol"), ("tsv", "symbol"), ("csv.gz", "ensembl")],
)
def test_what_was_exported_is_found_by_names_whatever_the_order(cohort, suffix, names):
    found = cohort.hand_in(export(cohort.ours("A"), cohort.folder / f"A.{suffix}", names))
    np.testing.assert_array_equal(found.X, cohort.predicted[of("A")])
    expected = ad.read_h5ad(cohort.ours("A"))
    np.testing.assert_array_equal(found.layers["observed"], expected.layers["observed"])
    pd.testing.assert_frame_equal(found.obs, expected.obs)
    pd.testing.assert_frame_equal(found.var, expected.var)


def test_tables_are_the_same_as_from_here(cohort):
    for group in GROUPS:
        cohort.hand_in(export(cohort.ours(group), cohort.folder / f"{group}.tsv"), group)
    ours = cohort.tables([cohort.ours(group) for group in GROUPS], "ours")
    theirs = cohort.tables([cohort.theirs(group) for group in GROUPS], "theirs")
    assert theirs[:3] == ours[:3]
    assert theirs[3] == ours[3] + "origin\tpredictions handed in\t\t\t\n"


def test_a_file_of_the_whole_cohort_serves_every_group(cohort):
    path = cohort.plain(slice(None, None, -1))
    for group in GROUPS:
        found = cohort.hand_in(path, group, pretrained_on=["TCGA"])
        np.testing.assert_array_equal(found.X, cohort.predicted[of(group)])
        np.testing.assert_array_equal(found.layers["observed"], cohort.measured.X[of(group)])
        provenance = found.uns["provenance"]
        assert provenance["handed_in"] == str(path)
        assert len(provenance["handed_in_sha256"]) == 64
        assert [*provenance["trained_on"]] == [other for other in GROUPS if other != group]
        assert "training_spots" not in provenance
    found = read_predictions([cohort.theirs(group) for group in GROUPS])
    assert found.uns["origin"] == "predictions handed in, pretrained on TCGA"


def renamed(old, new, axis="obs"):
    def change(content):
        names = content.obs_names if axis == "obs" else content.var_names
        setattr(content, f"{axis}_names", [new if name == old else name for name in names])
        return content

    return change


def set_to(value):
    def change(content):
        content.X[1, 2] = value
        return content

    return change


def large(content):
    content.X = content.X.astype(np.float64)
    return set_to(1e300)(content)


def complex_(content):
    content.X = content.X + 1j
    return content


def patient_x(content):
    content.obs["patient"] = "X"
    return content


def recorded(**provenance):
    def change(content):
        content.uns["provenance"] = provenance
        return content

    return change


CASES = {
    "a missing spot": (of("A") & (np.arange(5 * N) > 1), None, r"lacks 2 of the 24 spots of A: A1"),
    "a spot twice": (of("A"), renamed("A1:1x0", "A1:0x0"), r"1 spots are there twice: A1:0x0;"),
    "an unknown spot": (
        of("A"),
        renamed("A1:1x0", "A1:9x9"),
        r"1 of its spots are no used.*A1:9x9",
    ),
    "a foreign spot": (of("A") | (np.arange(5 * N) == 5 * N - 1), None, r"1 of its.*A's: D1;"),
    "another group": (of("B"), None, r"12 of its spots are of other sections than A's: B1;"),
    "no gene": (of("A"), renamed("GNAS", "G", "var"), r"1 of the 4 target genes .*: GNAS;"),
    "a gene twice": (of("A"), renamed("XBP1.old", "GNAS", "var"), "gene GNAS has two columns"),
    "two versions": (
        of("A"),
        lambda content: ad.concat(
            [
                renamed("ENSG00000169710.7", f"ENSG00000169710.{i}", "var")(content.copy())[
                    :, genes
                ]
                for i, genes in ((1, [0]), (2, [0, 1, 2, 3]))
            ],
            axis="var",
            merge="first",
        ),
        r"1 of the 4 target genes have no column, or several: FASN;",
    ),
    "no number": (of("A"), set_to(np.nan), "spot A1:1x0, gene XBP1.old: no finite number"),
    "no end": (of("A"), set_to(-np.inf), "spot A1:1x0, gene XBP1.old: no finite number"),
    "no float32": (of("A"), large, "spot A1:1x0, gene XBP1.old: no finite number"),
    "complex": (of("A"), complex_, "X has type complex64; write predictions as float32"),
    "another patient": (of("A"), patient_x, "spot A1:0x0 is of patient X there, and of A in"),
    "of B": (of("A"), recorded(held_out="B"), "provenance.*has held_out B, not A"),
    "of all": (of("A"), recorded(members=["all"]), r"provenance.*has members \['all'\], not \['A"),
    "other units": (of("A"), recorded(transform="log_cp10k"), "has transform log_cp10k, not log_f"),
}


@pytest.mark.filterwarnings("ignore:.* names are not unique")
@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_refused_by_name(cohort, case):
    spots, change, message = CASES[case]
    path = cohort.plain(spots, change=change)
    with pytest.raises(InputError, match=message) as refused:
        cohort.hand_in(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
    assert not cohort.theirs("A").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"trained_on": ["B", "A"]},
            "trained_on: the model of.* A was trained on A, which is held",
        ),
        ({"trained_on": ["B", "A2"]}, "trained_on: the model of.* A was trained on A2, which is"),
        ({"pretrained_on": ["A"]}, "pretrained_on: the model of.* A was trained on A, which is"),
        ({"pretrained_on": ["B1"]}, "pretrained_on: B1 is of the cohort; name it in trained_on"),
        ({"trained_on": ["B", "c"]}, "trained_on: c is no patient or section.*; is it C"),
        ({"trained_on": []}, "trained_on: names nothing that the model of A was trained on"),
        ({"units": {**UNITS, "universe": 91}}, "universe: the predictions have 91, the targets 90"),
        ({"units": {**UNITS, "transform": "log_cp10k"}}, "transform: the predictions have log_cp1"),
    ],
)
def test_a_leak_and_other_units_are_refused_by_key(cohort, changes, message):
    with pytest.raises(InputError, match=rf"configuration: experiments\.theirs\.{message}"):
        cohort.hand_in(cohort.plain(), **changes)


def test_what_the_model_saw_is_read_from_a_file(cohort):
    path = cohort.folder / "A.txt"
    path.write_text("B\r\n\r\nC1\r\n")
    found = cohort.hand_in(cohort.plain(), trained_on=path, units={**UNITS, "universe": None})
    assert [*found.uns["provenance"]["trained_on"]] == ["B", "C1"]
    path.write_text("B\nA1\n")
    with pytest.raises(InputError, match=r"A\.txt: the model of held-out group A.* on A1, which"):
        cohort.hand_in(cohort.plain(), trained_on=path)


def test_another_section_of_the_patient_may_be_seen_where_sections_are_held_out(cohort):
    job = HeldOutJob("theirs", "A1", ["A1"], threads=1, code="0123")
    path = cohort.plain(np.repeat([*PATIENTS], N) == "A1")
    arguments = {"units": UNITS, "pretrained_on": [], "patients": PATIENTS}
    files = cohort.targets, path, cohort.theirs("A1"), job
    predict_precomputed(*files, **arguments, trained_on=["A2", "B"])
    with pytest.raises(InputError, match="A1 was trained on A, which is held out"):
        predict_precomputed(*files, **arguments, trained_on=["A"])


def test_names_of_spots_alone_suffice_and_x_may_be_sparse(cohort):
    def bare(content):
        return ad.AnnData(sparse.csr_matrix(content.X), content.obs[[]], content.var)

    found = cohort.hand_in(cohort.plain(change=bare))
    np.testing.assert_array_equal(found.X, cohort.predicted[of("A")])


def test_values_far_from_the_measurement_are_warned_of(cohort, caplog):
    caplog.set_level(logging.WARNING)
    cohort.hand_in(cohort.plain())
    assert not caplog.text

    def count(content):
        content.X = np.exp(content.X + 9)
        return content

    cohort.hand_in(cohort.plain(change=count))
    assert "are they in the unit that the configuration states?" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.h5ad", "spot,GNAS\n", "damaged, or not an AnnData file"),
        ("a.tsv", "", "4 of the 4 target genes have no column"),
        ("a.tsv", "spot\t{genes}\n", "lacks 24 of the 24 spots of A"),
        ("a.tsv", "spot,GNAS\nA1:0x0,1\n", "separated by commas; separate them by tabs"),
        ("a.tsv", "spot\t{genes}\nA1:0x0\t1\n", "line 2: 2 fields where the header has 5"),
        ("a.tsv", "spot\t{genes}\nA1:0x0\t1\t1\t-7,5\t1\n", "line 2, column XBP1.old: '-7,5' is "),
        # R's write.table is not guessed.
        ("a.tsv", "{genes}\nA1:0x0\t1\t1\t1\t1\n", "1 of the 4 target genes have no column"),
        ("a.tsv", "x\t{genes}\nA1:0x0\t1\t1\t1\t1\t1\n", "line 2: 6 fields where"),
    ],
)
def test_what_is_no_table_of_predictions_is_refused(cohort, name, content, message):
    path = cohort.folder / name
    path.write_text(content.format(genes="\t".join(GENES.index)))
    with pytest.raises(InputError, match=message):
        cohort.hand_in(path)


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_table_says_the_same_however_it_is_written(cohort, data):
    """Rows and columns in any order, further columns, quotes; or a cell is broken."""
    draw = data.draw
    table = pd.DataFrame(cohort.predicted, cohort.measured.obs_names, GENES.index)[of("A")]
    table = table.iloc[draw(st.permutations(range(len(table))))].astype(object)
    if draw(st.booleans()):
        table["section"] = table.index.str.partition(":").get_level_values(0)
        table.index = table.index.str.replace(".*:", "", regex=True)
    if draw(st.booleans()):
        table["remark"] = "a word"
    table = table[draw(st.permutations([*table.columns]))]
    broken = draw(st.sampled_from([None, None, "NA", "", "1,5", "inf", "1e99", "-1e999"]))
    if broken is not None:
        at = draw(st.integers(0, len(table) - 1)), draw(st.sampled_from([*GENES.index]))
        table.iloc[at[0], table.columns.get_loc(at[1])] = broken
    path = cohort.folder / "table.tsv"
    table.to_csv(
        path,
        sep="\t",
        quoting=draw(st.sampled_from([0, 1])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    if broken is None:
        np.testing.assert_array_equal(cohort.hand_in(path).X, cohort.predicted[of("A")])
    else:
        with pytest.raises(InputError, match=rf"(gene|column) {at[1]}: (no finite|'1,5')"):
            cohort.hand_in(path)


def test_the_how_to_works_as_it_is_written(cohort, monkeypatch):
    page = (ROOT / "docs/how-to/own-predictions.md").read_text(encoding="utf-8")
    (code,) = [part.partition("```")[0] for part in page.split("```python\n")[1:]]
    row = yaml.safe_load(page.split("```yaml\n")[1].partition("```")[0])["experiments"]["theirs"]
    row = Precomputed.model_validate({**row, "universe": UNITS["universe"]})
    folder = cohort.folder / "results/mine/targets/top250"
    folder.mkdir(parents=True)
    cohort.targets.rename(folder / "all.h5ad")
    cohort.targets = folder / "all.h5ad"
    monkeypatch.chdir(cohort.folder)

    class Model:
        def __init__(self, seen):
            self.mean = seen.X.mean(axis=0)

        def predict(self, spots):
            return np.tile(self.mean, (spots.n_obs, 1))

    exec(code, {"fit": Model})
    for group in GROUPS:
        path, seen = (each.format(held_out=group) for each in (row.predictions, row.trained_on))
        found = cohort.hand_in(path, group, trained_on=seen)
        others = cohort.measured.X[~of(group)].mean(axis=0)
        np.testing.assert_allclose(found.X, np.tile(others, (of(group).sum(), 1)), rtol=1e-5)
