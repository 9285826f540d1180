"""Which files a path stands for: the sample's own, or one line with what there is."""

import os

import pytest

from stnet.config.section_sheet import COLUMNS, files_of, read_sheet
from stnet.config.space_ranger import HDF5, matrix_files, output_files, spatial_files
from stnet.core.errors import InputError

MATRIX = ["matrix.mtx", "barcodes.tsv", "features.tsv"]
GEO = [
    f"GSM{number}_S{sample}_{name}.gz"
    for number, sample in ((1, "1"), (2, "10"))
    for name in (*MATRIX, "tissue_positions_list.csv", "scalefactors_json.json")
]


@pytest.fixture
def files(tmp_path):
    """Make empty files; `found` has the paths that a function finds, relative to the folder."""

    class Files:
        folder = tmp_path

        def make(self, *names):
            for name in names:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            return self

        def found(self, find, name=""):
            return sorted(
                str(path.relative_to(tmp_path)) for path in find(tmp_path / name).values()
            )

        def refused(self, find, name=""):
            with pytest.raises(InputError) as caught:
                find(tmp_path / name)
            assert "\n" not in str(caught.value)
            return str(caught.value)

    return Files()


def test_each_file_of_a_sample_stands_for_all_of_it(files):
    files.make(*GEO, "GSM1_S1_tissue_hires_image.png.gz")
    own = sorted(f"GSM1_S1_{name}.gz" for name in MATRIX)
    assert {tuple(files.found(matrix_files, name)) for name in own} == {tuple(own)}
    spatial = [
        f"GSM1_S1_{name}.gz" for name in ("scalefactors_json.json", "tissue_hires_image.png")
    ]
    spatial.append("GSM1_S1_tissue_positions_list.csv.gz")
    assert {tuple(files.found(spatial_files, name)) for name in spatial} == {tuple(spatial)}
    assert list(matrix_files(files.folder / own[0])) == MATRIX


def test_of_several_samples_none_is_guessed(files):
    files.make(*GEO)
    said = files.refused(matrix_files)
    assert "has 2 samples or matrices (GSM1_S1_matrix.mtx.gz, GSM2_S10_matrix.mtx.gz)" in said
    assert "GSM1_S1_tissue_positions_list.csv.gz, GSM2_S10_" in files.refused(spatial_files)
    for name in ("a", "b", "c"):
        files.make(f"x/{name}/matrix.mtx", f"x/{name}/features.tsv", f"x/{name}/barcodes.tsv")
    assert "has 3 samples or matrices (a/matrix.mtx, b/m" in files.refused(matrix_files, "x")


def test_a_folder_may_be_within_the_named_one(files):
    files.make(*(f"outs/filtered_feature_bc_matrix/{name}.gz" for name in MATRIX))
    files.make(
        "outs/filtered_feature_bc_matrix/._matrix.mtx.gz", "outs/spatial/._scalefactors_json.json"
    )
    files.make("outs/spatial/tissue_positions.csv", "outs/spatial/tissue_lowres_image.png")
    inside = files.found(matrix_files, "outs/filtered_feature_bc_matrix")
    assert files.found(matrix_files, "outs") == inside
    assert len(files.found(spatial_files, "outs")) == 2
    assert output_files(files.folder / "outs") == {
        "counts": str(files.folder / "outs/filtered_feature_bc_matrix"),
        "spots": str(files.folder / "outs/spatial"),
    }
    files.make("outs/raw_feature_bc_matrix/matrix.mtx.gz", "outs/filtered_feature_bc_matrix.h5")
    assert "raw_feature_bc_matrix/matrix.mtx.gz" in files.refused(matrix_files, "outs")
    assert output_files(files.folder / "outs")["counts"].endswith("matrix.h5")
    name = "outs/filtered_feature_bc_matrix.h5"
    assert matrix_files(files.folder / name) == {HDF5: files.folder / name}


def test_a_file_and_its_packed_copy_are_two_unless_one_is_named(files):
    files.make(*MATRIX, "matrix.mtx.gz")
    assert "has both matrix.mtx and matrix.mtx.gz" in files.refused(matrix_files)
    for name in ("matrix.mtx", "matrix.mtx.gz"):
        assert files.found(matrix_files, name) == sorted(["barcodes.tsv", "features.tsv", name])
    assert "has both" in files.refused(matrix_files, "barcodes.tsv")


REFUSED = [
    (matrix_files, "nothing", [], "nothing: no such file or folder; correct the path"),
    (matrix_files, "", ["barcodes.tsv"], "has no matrix.mtx; name Space Ranger's filtered_feat"),
    (matrix_files, "barcodes.tsv", ["barcodes.tsv"], "barcodes.tsv, but not one barcodes.tsv and"),
    (matrix_files, "S1_matrix.mtx", ["S1_matrix.mtx", *MATRIX], "with the same name before it"),
    (matrix_files, "", [*MATRIX, "genes.tsv"], "but not one barcodes.tsv and one features.tsv"),
    (spatial_files, "scalefactors_json.json", ["scalefactors_json.json"], "beside it; name Space"),
    (spatial_files, "spots.csv", ["spots.csv"], "its name does not end with tissue_positions.csv"),
    (
        matrix_files,
        "outs/segmented_outputs/filtered_feature_cell_matrix.h5",
        ["outs/segmented_outputs/filtered_feature_cell_matrix.h5"],
        "is of segmented cells, which are not spots; use format visium-hd",
    ),
    (spatial_files, "segmented_outputs/spatial", ["segmented_outputs/spatial/a"], "segmented cell"),
    (output_files, "outs", ["outs/binned_outputs/square_008um/spatial/a"], "use format visium-hd"),
]


@pytest.mark.parametrize(("find", "name", "there", "message"), REFUSED)
def test_what_is_incomplete_or_of_another_kind_is_refused(files, find, name, there, message):
    assert message in files.make(*there).refused(find, name)


def test_two_rows_may_not_name_one_matrix_by_two_of_its_files(files):
    files.make(*GEO, "a.tif", "b.tif")
    names = ["matrix.mtx.gz", "features.tsv.gz"]
    rows = [
        {**dict.fromkeys(COLUMNS, ""), "patient": "P", "section": f"P_{sample}"}
        | {"format": "visium", "grid": "hexagonal", "counts": f"GSM1_S1_{name}"}
        | {"spots": f"GSM{sample}_tissue_positions_list.csv.gz"}
        for sample, name in zip(("1_S1", "2_S10"), names, strict=True)
    ]
    sheet = files.folder / "sheet.tsv"

    def read():
        lines = [COLUMNS, *([row[name] for name in COLUMNS] for row in rows)]
        sheet.write_text("".join("\t".join(line) + "\n" for line in lines))
        return read_sheet(sheet, files.folder, check_files=True)

    with pytest.raises(InputError, match=r"line 3 .*: counts .*matrix.mtx.gz is also on line 2"):
        read()
    rows[1]["counts"] = "GSM2_S10_features.tsv.gz"
    read_rows = read()
    assert [len(files_of(row, "counts")) for row in read_rows] == [3, 3]
    assert [os.path.basename(name) for name in files_of(read_rows[1], "spots")] == GEO[8:]
    rows[1]["counts"] = "GSM3_matrix.mtx.gz"
    with pytest.raises(InputError, match=r"line 3 \(P_2_S10\): counts .*GSM3.*: no such file or f"):
        read()
