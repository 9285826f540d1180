"""Targets and the choice of genes against computations written out here."""

import re

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from sections import section_file

from stnet.core.checksums import seal
from stnet.core.errors import InputError, SystemFailure
from stnet.core.h5ad import write_h5ad
from stnet.expression.held_out_job import HeldOutJob
from stnet.expression.spots import read_used_centres, read_used_spots
from stnet.expression.targets import choose_genes, find_genes, write_targets
from stnet.expression.transforms import invert, normalise


@pytest.fixture
def two_sections(tmp_path):
    """Two sections of different genes; the second has a spot too near the edge."""
    one = section_file(tmp_path / "one.h5ad", "S1", [[5, 0, 1], [3, 2, 0]], ["A", "B", "C"])
    two = section_file(
        tmp_path / "two.h5ad",
        "S2",
        [[9, 1], [90, 90]],
        ["D", "B"],
        used=[True, False],
        patient="P2",
    )
    return [one, two]


def written(sections, tmp_path, **changes):
    keys = {"genes": 2, "transform": "log_fraction", **changes}
    write_targets(sections, tmp_path / "targets.h5ad", **keys)
    return ad.read_h5ad(tmp_path / "targets.h5ad")


def test_targets_of_two_sections_written_out(two_sections, tmp_path):
    targets = written(two_sections, tmp_path)
    # Sums over the three used spots: A 8, B 3, C 1, D 9; the universe is A, B, C, D.
    assert targets.var_names.tolist() == ["D", "A"]
    assert targets.var["symbol"].tolist() == ["d", "a"]
    assert targets.var["mean_count"].tolist() == [3.0, pytest.approx(8 / 3)]
    assert targets.obs_names.tolist() == ["S1:0x0", "S1:1x1", "S2:0x0"]
    plain = np.log([[1 / 10, 6 / 10], [1 / 9, 4 / 9], [10 / 14, 1 / 14]])
    np.testing.assert_allclose(targets.X, plain, rtol=1e-6)
    assert targets.uns["targets"]["universe"] == 4


def test_choice_without_the_held_out_section(two_sections, tmp_path):
    targets = written(two_sections, tmp_path, held_out_sections=["S2"])
    assert targets.var_names.tolist() == ["A", "B"]
    # The held-out section has its targets all the same, and the universe is the cohort's.
    np.testing.assert_allclose(targets.X[2], np.log([1 / 14, 2 / 14]), rtol=1e-6)


def test_other_transformation(two_sections, tmp_path):
    targets = written(two_sections, tmp_path, transform="log_cp10k")
    np.testing.assert_allclose(targets.X[0], np.log([1, 1 + 1e4 * 5 / 6]), rtol=1e-6)


@pytest.mark.parametrize("transform", ["log_fraction", "log_cp10k"])
def test_invert_gives_the_counts_back(transform):
    random = np.random.default_rng(0)
    counts = random.poisson(3.0, (20, 5))
    totals = counts.sum(axis=1) + random.integers(1, 1000, 20)
    values = normalise(counts, totals, 300, transform)
    np.testing.assert_allclose(invert(values, totals, 300, transform), counts, atol=1e-9)


def test_ties_go_to_the_first_id():
    sums = pd.Series({"b": 2.0, "c": 3.0, "a": 2.0})
    assert choose_genes(sums, 2) == ["c", "a"]


def test_genes_that_are_named(two_sections, tmp_path):
    targets = written(two_sections, tmp_path, genes=["C", "d"])
    assert targets.var_names.tolist() == ["C", "D"]
    assert targets.var["symbol"].tolist() == ["c", "d"]
    assert targets.var["mean_count"].tolist() == [pytest.approx(1 / 3), 3.0]
    # The universe is that of all genes: A, B, C, D.
    plain = np.log([[2 / 10, 1 / 10], [1 / 9, 1 / 9], [1 / 14, 10 / 14]])
    np.testing.assert_allclose(targets.X, plain, rtol=1e-6)
    assert targets.uns["targets"]["universe"] == 4


def test_a_named_gene_of_the_held_out_section_only(two_sections, tmp_path):
    targets = written(two_sections, tmp_path, genes=["D"], held_out_sections=["S2"])
    assert targets.var["mean_count"].tolist() == [0.0]
    np.testing.assert_allclose(targets.X[:, 0], np.log([1 / 10, 1 / 9, 10 / 14]), rtol=1e-6)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["IGL5"], "no gene 'IGL5' in the sections; is it IGLL5"),
        (["igll5"], "no gene 'igll5' in the sections; is it IGLL5"),
        (["FASN"], "no gene 'FASN' in the sections$"),
        ([""], "no gene '' in the sections$"),
        (["TWICE"], "TWICE is the symbol of E2, E3; name one by its id"),
        (["IGLL5", "E1"], "E1 is named twice"),
    ],
)
def test_wrong_names_of_genes_are_said_in_one_line(wanted, message):
    symbols = {"E1": "IGLL5", "E2": "TWICE", "E3": "TWICE", "E4": "", "E2b": "E1"}
    assert find_genes(["E3", "IGLL5"], symbols) == ["E3", "E1"]
    with pytest.raises(InputError, match=rf"targets\.\*\.genes: {message}"):
        find_genes(wanted, symbols)


def test_too_few_genes_or_no_spot_is_said_in_one_line(two_sections, tmp_path):
    with pytest.raises(InputError, match="9 is more than the 4 genes of the sections"):
        written(two_sections, tmp_path, genes=9)
    with pytest.raises(InputError, match="no section outside the held-out group has a used spot"):
        written(two_sections, tmp_path, held_out_sections=["S1", "S2"])
    with pytest.raises(InputError, match="log_cpm"):
        written(two_sections, tmp_path, transform="log_cpm")
    assert not (tmp_path / "targets.h5ad").exists()


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("obs/used", "no obs['used']"),
        ("obsm/spatial", "no obsm['spatial']"),
        ("uns/grid", "no uns['grid']"),
        ("uns/spatial", "no uns['spatial']"),
        ("uns/checks", "no uns['checks']"),
    ],
)
def test_a_section_of_an_older_version(two_sections, tmp_path, part, said):
    with h5py.File(two_sections[1], "a") as file:
        del file[part]
    seal(two_sections[1])
    wanted = f"two.h5ad: {said}; it was written by an older version; delete it and rerun"
    for read in (read_used_spots, read_used_centres, lambda _: written(two_sections, tmp_path)):
        with pytest.raises(InputError, match=re.escape(wanted)):
            read(two_sections[1])
    assert not (tmp_path / "targets.h5ad").exists()


@pytest.mark.parametrize("kept", [0, 300, 0.5, 0.99])
def test_a_truncated_section(two_sections, kept):
    path = two_sections[1]
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    for read in (read_used_spots, read_used_centres):
        with pytest.raises(InputError, match=r"two.h5ad: damaged \(.*\); delete it and rerun"):
            read(path)


def test_a_section_that_is_missing(tmp_path):
    with pytest.raises(SystemFailure, match=r"none\.h5ad: cannot be read now \(No such file"):
        read_used_spots(tmp_path / "none.h5ad")


def test_a_cohort_whose_annotations_are_in_no_class_is_refused(two_sections, tmp_path):
    classes = {"tumour": ["tumor"], "normal": ["non"]}
    for path in two_sections:
        section = ad.read_h5ad(path)
        section.obs["annotation"] = pd.Categorical(["Tumor", "Non"])
        section.obs["label"] = pd.Categorical([None, None], categories=list(classes))
        write_h5ad(section, path)
    with pytest.raises(InputError, match=r"'Tumor' \(2\), 'Non' \(1\), none .* 'tumor', 'non'"):
        written(two_sections, tmp_path, label_classes=classes)
    # Without classes, annotations only decide which spots are kept.
    written(two_sections, tmp_path, label_classes={"tumour": [], "normal": []})
    section.obs["label"] = pd.Categorical(["tumour", None], categories=list(classes))
    write_h5ad(section, path)
    written(two_sections, tmp_path, label_classes=classes)


def test_targets_in_the_place_of_others_are_refused(two_sections, tmp_path):
    own, others = (tmp_path / "targets" / name / "all.h5ad" for name in ("mine", "theirs"))
    for path in (own, others):
        path.parent.mkdir(parents=True)
    write_targets(two_sections, own, genes=2, transform="log_fraction")
    job = HeldOutJob("e", "P1", ["S1"], threads=1, code="")
    assert job.read_targets(own).n_vars == 2
    others.write_bytes(own.read_bytes())
    with pytest.raises(InputError, match=r"theirs/all\.h5ad: the targets in it are mine, not"):
        job.read_targets(others)
