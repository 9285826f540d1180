"""Real sections: serial sections and patients are told apart, altered copies are recognised."""

import anndata as ad
import numpy as np
import pytest
from data import HER2ST, needs_her2st
from real_sections import OPTIONS, her2st_row

from stnet.checks.leaks import find_leaks
from stnet.cohorts.section import write_section
from stnet.core.h5ad import write_h5ad
from stnet.expression.copies import compare_sections
from stnet.expression.targets import read_cohort


@needs_her2st
def test_altered_copies_are_recognised_and_serial_sections_are_none(tmp_path):
    names = ["C2", "C4"]
    paths = [tmp_path / f"{name}.h5ad" for name in names]
    for name, path in zip(names, paths, strict=True):
        write_section(her2st_row(name), path, tmp_path / f"{name}.tsv", **OPTIONS)
    sections, _ = read_cohort(paths)
    compared = compare_sections(sections, paths)
    assert compared.copies == []
    # C2 and C4 are neighbours.
    assert 0.3 < compared.correlation < 0.4
    assert compared.lead < 1
    original = sections[0]
    thinned = original.copy()
    thinned.uns["spatial"]["C2"]["images"] = {}
    thinned.X.data = np.random.default_rng(0).binomial(thinned.X.data.astype(int), 0.5)
    mirrored = original[::2].copy()
    (of_section,) = mirrored.uns["spatial"].values()
    picture = np.rot90(of_section["images"]["hires"][20:-20, ::-1][:, 20:-20])
    # Stained otherwise, and darker.
    of_section["images"]["hires"] = (picture[..., [2, 1, 0]] * 0.8).astype(np.uint8)
    scale = of_section["scalefactors"]["tissue_hires_scalef"]
    x, y = original[::2].obsm["spatial"].T * scale
    mirrored.obsm["spatial"] = np.column_stack([y - 20, x - 20]) / scale
    mirrored.X = original[::2].X[:, np.random.default_rng(0).permutation(original.n_vars)]
    for copy in (thinned, mirrored):
        copy.uns["slide"] = {**copy.uns["slide"], "sha256": "of another file"}
        copy.obsm["spatial"] = copy.obsm["spatial"] + 3
    for copy, what in ((thinned, "counts"), (mirrored, "image")):
        (found,) = compare_sections([*sections, copy], [*paths, "copy"]).copies
        assert found.where == ("copy", str(paths[0]))
        assert f"altered copy of the {what}" in found.found


@needs_her2st
@pytest.mark.full
def test_none_of_27_sections_is_a_copy_and_patients_are_told_apart(tmp_path):
    paths = []
    for counts in sorted((HER2ST / "ST-cnts").glob("*.tsv.gz")):
        name = counts.name[:2]
        paths.append(tmp_path / f"{name}.h5ad")
        write_section(her2st_row(name), paths[-1], tmp_path / f"{name}.tsv", **OPTIONS)
    ridge = {"kind": "ridge", "split": "patient", "targets": "top", "sees_held_out": False}
    experiments = {"ridge": ridge}
    targets = {"top": {"genes": 250, "choice": "training", "split": "patient", "files": {}}}
    assert len(paths) == 27
    assert set(find_leaks(paths, experiments, targets, [], {})["severity"]) == {"clear"}
    renamed = ad.read_h5ad(paths[-1])
    renamed.obs["patient"] = "F"
    write_h5ad(renamed, paths[-1])
    table = find_leaks(paths, experiments, targets, [], {})
    (row,) = table[table["severity"] != "clear"].itertuples()
    assert (row.check, row.where) == ("one patient under two ids", "E and F")
