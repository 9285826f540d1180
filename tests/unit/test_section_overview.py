"""What a section's file says of its spots and image, and the pages that show it."""

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from drawing import render, texts
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba
from PIL import Image
from visium_files import SIDE, Visium

from stnet.cohorts import close_up
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import write_table
from stnet.figures.section_overview import Better, colour_limits, overview
from stnet.figures.style import VERMILLION
from stnet.report.sections import write_sections_page


@pytest.fixture
def beside(tmp_path):
    """A section whose sheet confirms that its spots lie beside the tissue, and a few on it."""
    made = Visium(tmp_path)
    made.tissue = (0, 200, SIDE, SIDE)
    made.row["confirmed"] = "yes"
    section, _ = made.files().write()
    return section


def test_a_better_alignment_is_drawn_beside_the_present_one(beside):
    places = beside.obsm["spatial"] + [30, 0]
    better = Better("shifted", places, Image.new("RGB", (40, 50), "white"), 10.0)
    figure = overview(beside, metrics(beside), colour_limits(metrics(beside)), better)
    whole, near, *_ = [axis for axis in render(figure).axes if axis.get_title()]
    assert near.get_title() == "A better fit: shifted"
    assert near.get_xlim() == (0, 400)
    used = beside.obs["used"].to_numpy()
    for axis, expected in ((whole, beside.obsm["spatial"]), (near, places[used])):
        rings = [each for each in axis.collections if isinstance(each, EllipseCollection)]
        drawn = np.concatenate([np.asarray(ring.get_offsets()) for ring in rings])
        assert sorted(drawn.tolist()) == sorted(expected.tolist())


def metrics(section):
    used = section.obs[section.obs["used"]]
    table = used[["section", "total_counts"]].assign(n_genes=2, pct_mt=np.nan)
    return table.astype({"section": str}).reset_index(drop=True)


def test_a_section_carries_its_warnings_and_which_spots_are_on_tissue(beside):
    (warning,) = beside.uns["checks"]["warnings"]
    assert "the spots are off the tissue" in warning
    assert "confirmed" in warning
    _, y = beside.obsm["spatial"].T
    on_tissue = beside.obs["on_tissue"].to_numpy()
    assert on_tissue[y > 210].all()
    assert not on_tissue[y < 190].any()
    assert 0 < on_tissue.mean() < 0.5


def test_warnings_are_those_of_the_section_alone(beside, tmp_path):
    section, _ = Visium(tmp_path / "other").files().write()
    assert section.uns["checks"]["warnings"].size == 0
    assert section.obs["on_tissue"].all()


def test_close_up_is_the_image_around_the_spot_in_the_middle(tmp_path, monkeypatch):
    monkeypatch.setattr(close_up, "SIDE", 96)
    made = Visium(tmp_path).files()
    picture = Image.linear_gradient("L").resize((SIDE, SIDE))
    bands = [picture, picture.rotate(90), Image.new("L", (SIDE, SIDE), 120)]
    Image.merge("RGB", bands).save(made.row["image"])
    section, _ = made.write()
    part = section.uns["close_up"]
    left, top = int(part["left"]), int(part["top"])
    spots = section.obsm["spatial"]
    apart = ((spots - np.median(spots, axis=0)) ** 2).sum(axis=1)
    assert [left + 48, top + 48] in spots[apart == apart.min()].tolist()
    found = np.asarray(Image.open(BytesIO(part["jpeg"].tobytes())), dtype=float)
    with Image.open(made.row["image"]) as image:
        expected = np.asarray(image.crop((left, top, left + 96, top + 96)), dtype=float)
    assert found.shape == (96, 96, 3)
    assert abs(found - expected).mean() < 2


def test_circles_have_the_place_and_diameter_of_the_spots(beside):
    figure = render(overview(beside, metrics(beside), colour_limits(metrics(beside))))
    axes = [axis for axis in figure.axes if axis.get_title()]
    assert "off the tissue" in texts(figure).replace("\n", " ")
    whole, near, counts, genes = axes
    assert counts.get_title() == "Total counts (log scale)"
    assert genes.get_title() == "Genes with a count"
    diameter = beside.uns["spatial"]["V-1_A"]["scalefactors"]["spot_diameter_fullres"]
    for axis in (whole, near):
        rings = [each for each in axis.collections if isinstance(each, EllipseCollection)]
        places = np.concatenate([np.asarray(ring.get_offsets()) for ring in rings])
        assert sorted(places.tolist()) == sorted(beside.obsm["spatial"].tolist())
        assert {float(each) for ring in rings for each in ring.get_widths()} == {diameter}
        (off,) = [r for r in rings if r.get_edgecolor()[0].tolist() == list(to_rgba(VERMILLION))]
        used = beside.obs["used"]
        assert len(off.get_offsets()) == (used & ~beside.obs["on_tissue"]).sum()
    assert near.get_xlim() == (0, SIDE)
    shown = counts.collections[0]
    assert shown.get_array().tolist() == metrics(beside)["total_counts"].tolist()


def test_colours_are_those_of_the_cohort():
    spots = pd.DataFrame({"total_counts": range(1, 102), "n_genes": 5, "pct_mt": np.nan})
    limits = colour_limits(spots)
    assert limits["total_counts"] == (2, 100)
    # One value has no range.
    assert limits["n_genes"][0] <= 5 < limits["n_genes"][1]
    assert "pct_mt" not in limits


def test_sections_without_an_image_are_drawn_as_maps(beside):
    del beside.uns["close_up"], beside.obs["on_tissue"]
    beside.obs["label"] = pd.Categorical(["tumour", *["normal"] * (beside.n_obs - 1)])
    figure = render(overview(beside, metrics(beside), colour_limits(metrics(beside))))
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["Total counts (log scale)", "Genes with a count", "Labels"]


def test_page_shows_sections_with_warnings_first(beside, tmp_path):
    tables, paths, rows = [], [], []
    columns = ["patient", "section", "pct_on_tissue", "warnings", "better_alignment"]
    better = {"A": "on the image of B", "B": "on the image of A"}
    for name, warnings in (("A", []), ("B", beside.uns["checks"]["warnings"])):
        section = beside.copy()
        section.obs["section"] = name
        section.uns["spatial"] = {name: beside.uns["spatial"]["V-1_A"]}
        section.uns["checks"] = {"warnings": np.array(warnings, dtype=object)}
        paths.append(tmp_path / f"{name}.h5ad")
        write_h5ad(section, paths[-1])
        tables.append(metrics(section))
        rows.append(["P", name, 90, "; ".join(warnings), better[name]])
    write_table(
        pd.DataFrame(rows, columns=columns),
        tmp_path / "sections.tsv",
    )
    write_table(pd.concat(tables), tmp_path / "spots.tsv.gz")
    html = tmp_path / "page.html"
    write_sections_page(paths, tmp_path / "sections.tsv", tmp_path / "spots.tsv.gz", html, "mine")
    page = html.read_text(encoding="utf-8")
    assert page.index('href="#B"') < page.index('href="#A"') < page.index('id="B"')
    assert page.index("B, patient P ⚠<") < page.index('id="A"')
    # Those of the table, which has what only several sections together show.
    assert "the spots are off the tissue" in page
    pictures = re.findall('data:image/webp;base64,([^"]+)', page)
    assert [Image.open(BytesIO(b64decode(each))).format for each in pictures] == ["WEBP"] * 2
