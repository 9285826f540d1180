import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from stnet.analysis import dataset
from stnet.analysis.dataset import describe_dataset
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad


def write_section(
    folder,
    name: str,
    genes: dict[str, list[int]],
    used: list[bool],
    warnings=(),
    on_tissue=None,
    *,
    may_stop=True,
):
    counts = np.array(list(genes.values())).T
    section = ad.AnnData(
        sparse.csr_matrix(counts.astype(np.int32)),
        obs=pd.DataFrame(
            {
                "patient": name[0],
                "section": name,
                "total_counts": counts.sum(axis=1),
                "used": used,
                "label": pd.Categorical([None, *["normal"] * (len(used) - 1)]),
                "annotation": ["undetermined", *["non"] * (len(used) - 1)],
            },
            index=[f"{i}x1" for i in range(len(counts))],
        ),
        var=pd.DataFrame({"symbol": [g.upper() for g in genes], "ensembl": ""}, index=list(genes)),
        obsm={"spatial": np.zeros((len(counts), 2))},
    )
    sides = (0, 0) if name == "B2" else (300, 200)
    section.uns["slide"] = {"width": sides[0], "height": sides[1], "um_per_px": 0.7}
    section.uns |= {"spatial": {name: {"images": {}}}, "grid": {name: "square"}}
    section.uns["checks"] = {
        "warnings": np.array(list(warnings), dtype=object),
        "better_alignment": "",
        "may_stop": may_stop,
    }
    if on_tissue is not None:
        section.obs["on_tissue"] = on_tissue
    write_h5ad(section, folder / f"{name}.h5ad")
    n, n_used = len(used), sum(used)
    columns = "positions counts no_position unselected no_counts off_image no_label kept near_edge"
    row = [n + 3, n + 1, 1, 2, 1, 0, 0, n, n - n_used]
    pd.DataFrame(
        [[name[0], name, *row, n_used]], columns=["patient", "section", *columns.split(), "used"]
    ).to_csv(folder / f"{name}.drops.tsv", sep="\t", index=False)


def test_dataset_is_described_by_its_used_spots(tmp_path):
    write_section(
        *(tmp_path, "A1", {"b": [1, 5, 9], "mt-c": [0, 3, 9]}, [True, True, False]),
        *(["of another section", "mirrored"], [True, False, False]),
    )
    write_section(tmp_path, "B1", {"a": [0], "b": [4]}, [True])
    write_section(tmp_path, "B2", {"d": [7]}, [False])
    names = ["A1", "B1", "B2"]
    outputs = {
        name: tmp_path / f"{name}.tsv.gz" for name in ("sections", "spots", "genes", "summary")
    }
    describe_dataset(
        [tmp_path / f"{name}.h5ad" for name in names],
        [tmp_path / f"{name}.drops.tsv" for name in names],
        outputs,
    )
    tables = {name: pd.read_csv(path, sep="\t") for name, path in outputs.items()}
    assert tables["spots"].fillna("none").to_numpy().tolist() == [
        ["A1", "A", 1, 1, 0.0],
        ["A1", "A", 8, 2, 37.5],
        # This section has no mitochondrial gene.
        ["B1", "B", 4, 1, "none"],
    ]
    assert tables["spots"].columns[-1] == "pct_mt"
    assert tables["sections"]["median_pct_mt"].fillna(-1).tolist() == [18.75, -1, -1]
    genes = tables["genes"].set_index("gene")
    assert genes["mean_count"].to_dict() == pytest.approx(
        {"a": 0, "b": 10 / 3, "mt-c": 1, "d": 0}, rel=1e-5
    )
    assert genes.loc["mt-c", "symbol"] == "MT-C"
    assert tables["sections"]["section"].tolist() == names
    assert tables["sections"]["used"].tolist() == [2, 1, 0]
    words = tables["sections"]["other_annotations"].fillna("").tolist()
    assert words == ["undetermined (1)", "undetermined (1)", ""]
    assert tables["sections"]["median_counts"].tolist()[:2] == [4.5, 4]
    assert tables["sections"]["pct_on_tissue"].fillna(-1).tolist() == [50, -1, -1]
    warnings = tables["sections"]["warnings"].fillna("").tolist()
    assert warnings == ["of another section; mirrored", "", ""]
    assert tables["sections"]["width"].fillna(-1).tolist() == [300, 300, -1]
    summary = tables["summary"].set_index("quantity")["value"]
    assert summary.to_dict() == {
        "patients": 2,
        "sections": 2,
        "sections_with_warnings": 1,
        "spots": 3,
        "genes": 4,
        "genes_united": 0,
        "genes_unsure": 0,
        "spots_per_section_min": 1,
        "spots_per_section_max": 2,
        "median_counts": 4,
        "median_genes": 1,
        "median_pct_mt": 18.75,
        "drops.positions": 14,
        "drops.counts": 8,
        "drops.no_position": 3,
        "drops.unselected": 6,
        "drops.no_counts": 3,
        "drops.off_image": 0,
        "drops.no_label": 0,
        "drops.kept": 5,
        "drops.near_edge": 2,
        "drops.used": 3,
    }


def test_a_section_that_fits_another_image_is_warned_of_or_ends_the_run(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(dataset, "placed", lambda section: section.uns["checks"])
    monkeypatch.setattr(
        dataset, "better_image", lambda name, _, move: {"B1": "on the image of A1"}.get(name, "")
    )
    names = ["A1", "B1"]
    outputs = {name: tmp_path / name for name in ("sections", "spots", "genes", "summary")}

    def describe(*, may_stop):
        for name, warnings in (("A1", []), ("B1", ["mirrored"])):
            write_section(tmp_path, name, {"a": [1]}, [True], warnings, may_stop=may_stop)
        files = ([tmp_path / f"{name}.{end}" for name in names] for end in ("h5ad", "drops.tsv"))
        describe_dataset(*files, outputs)

    describe(may_stop=False)
    table = pd.read_csv(outputs["sections"], sep="\t").fillna("")
    assert table["better_alignment"].tolist() == ["", "on the image of A1"]
    said = "the spots of B1 fit clearly better on the image of A1"
    assert table["warnings"][0] == ""
    assert table["warnings"][1].startswith(f"mirrored; {said}")
    assert said in caplog.text
    with pytest.raises(InputError, match=f"{said}.*set confirmed to yes"):
        describe(may_stop=True)
