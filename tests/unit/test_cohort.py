"""A cohort has each section once, and each gene under one name."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sections import section_file
from st_files import Section

from stnet.config.section_sheet import COLUMNS, read_sheet
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.expression.cohort import unite_genes
from stnet.expression.targets import write_targets


def genes(**named: str) -> pd.DataFrame:
    """`name="symbol/ensembl"`."""
    rows = {name.replace("_", "."): text.split("/") for name, text in named.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["symbol", "ensembl"])


def united(*sections: pd.DataFrame) -> dict[str, str]:
    return unite_genes(sections)["gene"].to_dict()


def test_names_of_one_gene_are_united():
    by_id = genes(ENSG1_1="/ENSG1", ENSG2_1="B/ENSG2", ENSG3_1="/ENSG3")
    other_version = genes(ENSG1_2="/ENSG1", ENSG2_1="B/ENSG2")
    by_symbol = genes(B="B/", A="A/ENSG1", C="C/")
    found = united(by_id, other_version, by_symbol)
    assert found == {
        **{"ENSG1.1": "ENSG1.1", "ENSG1.2": "ENSG1.1", "A": "ENSG1.1"},
        **{"ENSG2.1": "ENSG2.1", "B": "ENSG2.1", "ENSG3.1": "ENSG3.1", "C": "C"},
    }
    table = unite_genes([by_id, other_version, by_symbol])
    assert table.loc["ENSG1.1", ["symbol", "ensembl"]].to_list() == ["A", "ENSG1"]
    assert (table["unsure"] == "").all()
    # The name that most sections use.
    assert set(united(by_symbol, by_symbol, by_id).values()) == {"A", "B", "C", "ENSG3.1"}
    nameless = genes(__ambiguous="/", other="/")
    assert united(nameless, nameless) == {"..ambiguous": "..ambiguous", "other": "other"}


def test_capitals_make_no_other_gene_unless_both_are_in_a_section():
    small, large = genes(C1orf1="C1orf1/"), genes(C1ORF1="C1ORF1/")
    assert united(small, large, large) == {"C1orf1": "C1ORF1", "C1ORF1": "C1ORF1"}
    assert united(genes(ENSG1="C1orf1/ENSG1"), large) == {"ENSG1": "ENSG1", "C1ORF1": "ENSG1"}
    mixed = genes(Gapdh="Gapdh/", GAPDH="GAPDH/")
    assert united(mixed, genes(GAPDH="GAPDH/")) == {"Gapdh": "Gapdh", "GAPDH": "GAPDH"}


def test_names_beside_each_other_are_different_genes():
    aliases = genes(OLD="OLD/ENSG1", NEW="NEW/ENSG1")
    assert united(aliases, genes(OLD="OLD/ENSG1")) == {"OLD": "OLD", "NEW": "NEW"}
    assert united(aliases, genes(ENSG1="NEW/ENSG1")) == {"OLD": "OLD", "NEW": "NEW", "ENSG1": "NEW"}
    table = unite_genes([aliases, genes(ENSG1="/ENSG1")])
    assert table["gene"].to_list() == ["OLD", "NEW", "ENSG1"]
    assert table["unsure"].to_dict() == {"OLD": "ENSG1", "NEW": "ENSG1", "ENSG1": "OLD, NEW"}


def test_a_symbol_of_two_genes_is_unsure_and_no_target(tmp_path):
    twins = genes(ENSG7="TWIN/ENSG7", ENSG8="TWIN/ENSG8", ENSG9="S/ENSG9")
    table = unite_genes([twins, genes(TWIN="TWIN/", S="S/")])
    assert table["unsure"].to_dict() == {
        **{"ENSG7": "TWIN", "ENSG8": "TWIN", "ENSG9": "", "TWIN": "ENSG7, ENSG8", "S": ""},
    }
    rng = np.random.default_rng(0)
    paths = []
    for number, of in enumerate((twins, genes(TWIN="TWIN/", S="S/"))):
        counts = rng.poisson(9, (12, len(of))) + 1
        path = section_file(tmp_path / f"{number}.h5ad", f"S{number}", counts, list(of.index))
        section = ad.read_h5ad(path)
        section.var = of
        write_h5ad(section, path)
        paths.append(path)
    write_targets(paths, tmp_path / "t.h5ad", genes=["S"], transform="log_fraction")
    targets = ad.read_h5ad(tmp_path / "t.h5ad")
    assert targets.uns["targets"]["universe"] == 4
    assert targets.var_names.to_list() == ["ENSG9"]
    # Measured in both sections, not constant in one of them.
    assert (targets.to_df().groupby(targets.obs["section"], observed=True).std() > 0).all(axis=None)
    with pytest.raises(InputError, match="ENSG7 of some sections may be TWIN of others"):
        write_targets(paths, tmp_path / "u.h5ad", genes=["ENSG7"], transform="log_fraction")
    with pytest.raises(InputError, match="may be"):
        write_targets(paths, tmp_path / "u.h5ad", genes=4, transform="log_fraction")


def test_sections_without_a_common_name_are_refused():
    ids = [genes(**{f"ENSG{number}{i}": f"/ENSG{number}{i}" for i in range(40)}) for number in "12"]
    with pytest.raises(InputError, match=r"sections 1 and 3 .*ENSG10 and ENSG20.* gene table"):
        unite_genes([ids[0], ids[0], ids[1]])
    assert len(unite_genes([ids[0], pd.concat(ids)])) == 80


def test_two_versions_in_one_table_are_refused(tmp_path):
    made = Section(tmp_path)
    names = dict(zip(made.counts.columns, ["ENSG1.1", "ENSG1.2"], strict=False))
    made.counts = made.counts.rename(columns=names)
    assert "ENSG1.1 and ENSG1.2 are versions of one gene" in made.files().refused()


def test_a_file_stands_once_in_a_sheet(tmp_path):
    rows = [
        {"patient": "A", "section": "A1", "image": "a.jpg", "counts": "a.tsv", "spots": "a.csv"},
        {"patient": "B", "section": "B1", "image": "b.jpg", "counts": "b.tsv", "spots": "b.csv"},
    ]
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    same = {"image": ["a.jpg", "link.jpg"], "counts": ["./a.tsv"], "spots": ["x/../a.csv"]}
    cases = [{}, *({column: name} for column, names in same.items() for name in names)]
    for changed in cases:
        table = pd.DataFrame([rows[0], rows[1] | changed]).reindex(columns=COLUMNS, fill_value="")
        table = table.assign(format="her2st", grid="square")
        table.to_csv(tmp_path / "sheet.tsv", sep="\t", index=False)
        if changed:
            column = next(iter(changed))
            with pytest.raises(InputError, match=rf"line 3 \(B1\): {column} .* is also on line 2"):
                read_sheet(tmp_path / "sheet.tsv", tmp_path, check_files=False)
        else:
            assert len(read_sheet(tmp_path / "sheet.tsv", tmp_path, check_files=False)) == 2


def own(folder, number: int) -> Section:
    """Another section: other counts, other places, another image."""
    made = Section(folder)
    made.row["section"] = made.row["patient"] = f"S{number}"
    rng = np.random.default_rng(number)
    made.counts = made.counts + rng.poisson(5, made.counts.shape)
    made.spots[["pixel_x", "pixel_y"]] += number + 1
    made.size = (made.size[0], made.size[1] + number)
    return made


def test_a_copied_file_is_found_by_what_it_says(tmp_path):
    first = own(tmp_path / "1", 1)
    first.files().write(spot_window=40)
    cases = {
        "": lambda second: None,
        "counts": lambda second: setattr(
            second, "counts", first.counts.drop(["30x1", "31x1"]).iloc[2:]
        ),
        "spots": lambda second: setattr(second, "spots", first.spots),
        "image": lambda second: setattr(second, "size", first.size),
    }
    for what, copy in cases.items():
        second = own(tmp_path / f"2{what}", 2)
        copy(second)
        second.files()
        if what == "counts":  # in other words
            second.put("counts", second.counts.astype(float).to_csv(sep="\t"))
        second.write(spot_window=40)
        paths = [made.folder / "out/s.h5ad" for made in (first, second)]
        arguments = {"genes": 2, "transform": "log_fraction"}
        if not what:
            write_targets(paths, tmp_path / "t.h5ad", **arguments)
            continue
        with pytest.raises(InputError, match=f"2{what}/out/s.h5ad: has the {what} of .*1/out/s.h"):
            write_targets(paths, tmp_path / "u.h5ad", **arguments)
        assert not (tmp_path / "u.h5ad").exists()
