"""Pages to look at sections: what they have, their size, and what a browser makes of them."""

import base64
import errno
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stnet import viewer
from stnet.core.errors import InputError
from stnet.expression.spatial import spatial
from stnet.viewer import pages
from stnet.viewer.content import MISSING, STEPS, Shown, packed, picture, region

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
browser = pytest.mark.skipif(BROWSER is None, reason="no browser")
HOSTILE = "</script><script>window.hit=1</script><img src=x onerror=window.hit=1>'\"&"
PITCH, SIDE = 100, 4


def section(name: str = "S1", n_genes: int = 3, *, slide: bool = False) -> Shown:
    """A square of spots; the first gene rises from left to right, the second is its mirror image.

    Without `slide`, they have labels and a measurement; the last two are abstained from.
    """
    across, down = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    places = (np.stack([across, down], axis=-1).reshape(-1, 2) + 1.0) * PITCH
    n = len(places)
    values = np.stack([places[:, 0] * (-1) ** gene / PITCH for gene in range(n_genes)], axis=1)
    obs = pd.DataFrame({"patient": "P1", "section": name}, index=[f"{name}:{i}" for i in range(n)])
    obs["ood_score"] = np.where(np.arange(n) >= n - 2, 1.25, 0.5).astype(np.float32)
    obs["abstained"] = obs["ood_score"] > 1
    table = ad.AnnData(
        values.astype(np.float32),
        obs=obs,
        var=pd.DataFrame(
            {
                **{"symbol": [f"G{i}" for i in range(n_genes)], "ensembl": ""},
                **{"consistent": True, "n_patients": 8},
                "median_pearson": np.linspace(0.9, 0.1, n_genes),
            },
            index=[f"e{i}" for i in range(n_genes)],
        ),
        obsm={"spatial": places},
        uns={"provenance": {"transform": "log_fraction", "level": 0.9}},
    )
    half = np.where(obs[["abstained"]], np.nan, 0.25)
    table.layers["lower"], table.layers["upper"] = table.X - half, table.X + half
    if slide:
        table.uns["tiling"] = {"step": PITCH}
    else:
        table.obs["label"] = pd.Categorical(["tumour"] * (n // 2) + ["normal"] * (n // 2))
        table.obs["annotation"] = HOSTILE
        table.layers["observed"] = table.X + np.float32(0.5) * (np.arange(n) % 2)[:, None]
    ends = np.uint8([250, 100]).repeat(25)
    drawn = Image.fromarray(np.tile(ends, (50, 1)))
    entry = spatial(drawn.convert("RGB"), width=500, spot_diameter=40, metadata={"um_per_px": 2})
    return Shown(name, table, entry, about=f"{n} spots", warnings=["careful"])


def write(path: Path, *sections: Shown, size: tuple[int, int] = (10**6, 400), title: str = "T"):
    """A page of these sections, whose links work in a folder called `raw`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    links = {"P1": "P1.html", HOSTILE: "x.html"}
    about = {"title": title, "home": "i.html", "place": "raw/page.html", "links": links}
    pages._write(path, about, sections, pages._ordered(sections[0].table, []), size)
    return path


def content(path: Path) -> dict:
    text = re.search('<pre hidden id="content">(.*?)</pre>', path.read_text("utf-8"))[1]
    return json.loads(gzip.decompress(base64.b64decode(text)))


def decoded(layer: dict, n: int) -> np.ndarray:
    """The values (spots, genes) of a layer, gene by gene."""
    codes = np.frombuffer(base64.b64decode(layer["codes"]), np.uint8).reshape(-1, n)
    found = []
    for low, high, of_gene in zip(layer["low"], layer["high"], codes, strict=True):
        found.append([np.nan if c == MISSING else low + c * (high - low) / STEPS for c in of_gene])
    return np.array(found).T


def test_eight_bits_keep_values_to_a_half_step_and_what_is_missing():
    rng = np.random.default_rng(0)
    values = rng.normal(-6, 2, (50, 4))
    values[3, 1] = values[7, 2] = np.nan
    values[:, 3] = 1.5
    values[:, 2] = np.nan
    found = decoded(packed(values), len(values))
    width = np.nanmax(values[:, :2], axis=0) - np.nanmin(values[:, :2], axis=0)
    assert np.array_equal(np.isnan(found), np.isnan(values))
    assert (np.nanmax(np.abs(found - values)[:, :2], axis=0) <= 0.51 * width / STEPS).all()
    assert (found[:, 3] == 1.5).all()


def test_a_page_has_its_sections_and_no_name_is_markup(tmp_path):
    shown = section(HOSTILE)
    path = write(tmp_path / "page.html", shown, section("S2"), title=HOSTILE)
    text = path.read_text("utf-8")
    assert "window.hit" not in text
    found = content(path)
    assert found["title"] == HOSTILE
    assert [each["name"] for each in found["sections"]] == [HOSTILE, "S2"]
    assert found["sections"][0]["spots"][:2] == ["0", "1"]
    assert found["sections"][0]["um_per_px"] == 2
    layers = found["sections"][0]["layers"]
    n = shown.table.n_obs
    assert np.allclose(decoded(layers["predicted"], n), shown.table.X, atol=0.01)
    assert np.allclose(decoded(layers["measured"], n), shown.table.layers["observed"], atol=0.01)
    assert np.allclose(decoded(layers["half"], n)[:-2], 0.25)
    assert np.isnan(decoded(layers["half"], n)[-2:]).all()
    assert [gene["name"] for gene in found["genes"]] == ["G0", "G1", "G2"]


def test_a_slide_has_no_measurement(tmp_path):
    (found,) = content(write(tmp_path / "page.html", section(slide=True)))["sections"]
    assert found["square"]
    assert found["layers"].keys() == {"predicted", "half"}
    assert "label" not in found


def test_a_page_keeps_to_its_size_and_the_best_genes(tmp_path):
    shown = section(n_genes=200)
    rng = np.random.default_rng(0)
    shown.table.X = rng.normal(size=shown.table.shape).astype(np.float32)
    noise = Image.fromarray(rng.integers(0, 256, (600, 600, 3), dtype=np.uint8))
    shown.of_section["images"]["hires"] = np.asarray(noise)
    shown.of_section["scalefactors"]["tissue_hires_scalef"] = 1.2
    smallest = len(write(tmp_path / "small.html", section(n_genes=1)).read_bytes())
    most = smallest + 9_000
    path = write(tmp_path / "page.html", shown, size=(most, 600))
    assert 0.8 * most < path.stat().st_size < most + 200
    genes = content(path)["genes"]
    assert 1 < len(genes) < 200
    assert [gene["id"] for gene in genes] == [f"e{i}" for i in range(len(genes))]
    assert path.read_bytes() == write(tmp_path / "again.html", shown, size=(most, 600)).read_bytes()


def test_places_that_need_more_than_a_page_leave_images_their_share(tmp_path):
    shown = section(n_genes=2)
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    shown.of_section["images"]["hires"] = noise
    shown.of_section["scalefactors"]["tissue_hires_scalef"] = 1.2
    smallest = len(write(tmp_path / "small.html", section(n_genes=1)).read_bytes())
    # Many, as bins of Visium HD.
    many, rng = 100, np.random.default_rng(1)
    parts = [shown.table.copy() for _ in range(many)]
    for part in parts:
        part.obs_names = [f"S1:{name}" for name in rng.integers(1e9, size=part.n_obs)]
    shown = replace(shown, table=ad.concat(parts, merge="same", uns_merge="same"))
    path = write(tmp_path / "page.html", shown, size=(smallest, 600))
    assert len(content(path)["genes"]) == 1
    assert path.stat().st_size > smallest
    text = re.search('id="picture-0">(.*?)<', path.read_text("utf-8"))[1]
    assert max(Image.open(BytesIO(base64.b64decode(text))).size) > 20


def test_a_single_spot_has_a_picture(tmp_path):
    shown = section()
    shown = replace(shown, table=shown.table[:1].copy())
    (found,) = content(write(tmp_path / "page.html", shown))["sections"]
    # A spot of 40 px at 100, 100.
    assert (found["pitch"], found["box"]) == (40, [40, 40, 160, 160])


def test_numbers_that_are_not_known_are_null(tmp_path):
    shown = section()
    shown.table.var.loc["e1", "median_pearson"] = np.nan
    shown.of_section["scalefactors"]["spot_diameter_fullres"] = np.nan
    shown.of_section["metadata"]["um_per_px"] = np.nan
    found = content(write(tmp_path / "page.html", shown))
    (of_section,) = found["sections"]
    assert [gene["r"] for gene in found["genes"]] == [0.9, 0.1, None]
    assert of_section["size"] is of_section["um_per_px"] is None
    assert of_section["pitch"] == PITCH


def test_pages_of_patients_link_one_another_and_the_first_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A cohort of this name has two folders of it.
    folder = Path("results/viewer/viewer/e/held-out")
    folder.mkdir(parents=True)
    others = [section("S2"), section("S3")]
    others[1].table.obs["patient"] = "P2"
    index = "results/viewer/index.html"
    keys = {"index": index, "genes": ["G1", "absent"], "title": "T"}
    pages.write_pages([others[1], section(), others[0]], f"{folder}.html", folder, **keys)
    assert 'href="held-out/P1.html"' in Path(f"{folder}.html").read_text()
    found = content(folder / "P1.html")
    assert [each["name"] for each in found["sections"]] == ["S1", "S2"]
    assert found["genes"][0]["name"] == "G1"
    assert found["title"] == "P1: T"
    assert found["links"] == {"P1": "P1.html", "P2": "P2.html"}
    assert (folder / found["home"]).resolve() == Path(index).resolve()
    assert found["place"] == "viewer/e/held-out/P1.html"


def test_the_picture_is_the_part_with_spots():
    shown = section()
    box = region(shown, PITCH)
    # From 100 to 400, and 1.5 pitches more, within an image of 500 px.
    assert box == (0, 0, 500, 500)
    shown.table.obsm["spatial"] = shown.table.obsm["spatial"] / 10 + [300, 100]
    box = region(shown, PITCH / 10)
    assert box == (295, 95, 355, 155)
    found = np.asarray(picture(shown, box, 50).convert("L"))
    # The image is dark from 250 px on, and its picture has 10 px of the image per pixel.
    assert found.shape == (7, 6) or found.shape == (6, 6)
    assert (found < 110).all()


def test_without_an_image_the_page_is_white(tmp_path):
    shown = section()
    shown.of_section["images"].clear()
    text = write(tmp_path / "page.html", shown).read_text("utf-8")
    webp = base64.b64decode(re.search('id="picture-0">(.*?)<', text)[1])
    found = np.asarray(Image.open(BytesIO(webp)).convert("RGB"))
    assert (found > 250).all()


def test_the_part_that_zooms_is_the_released_one():
    folder = Path(viewer.__file__).parent / "openseadragon"
    version, sha256 = re.findall(r"(?:version|sha256): (\S+)", (folder / "README.md").read_text())
    library = (folder / "openseadragon.min.js").read_bytes()
    assert hashlib.sha256(library).hexdigest() == sha256
    assert library.split(maxsplit=3)[:3] == [b"//!", b"openseadragon", version.encode()]
    assert "Redistribution" in (folder / "LICENSE.txt").read_text()


# A browser that shows no window draws no frames.
FRAMES = "<script>window.requestAnimationFrame = draw => setTimeout(draw, 16)</script>"
# What a reader does, one after another, and what is then seen.
ACTS = """<script>
const wait = (ms = 60) => new Promise(done => setTimeout(done, ms));
const by = id => document.getElementById(id);
async function set(element, value, kind = "change") {
  element[element.type === "checkbox" ? "checked" : "value"] = value;
  element.dispatchEvent(new Event(kind, { bubbles: true }));
  await wait();
}
// Colour of a view at spot i.
function pixel(view, i) {
  const { canvas } = panels[view], { x, y } = placed(panels[view]), ratio = devicePixelRatio;
  return Array.from(canvas.getContext("2d").getImageData(x(i) * ratio, y(i) * ratio, 1, 1).data);
}
const at = (view, i) => {
  const box = panels[view].canvas.getBoundingClientRect(), { x, y } = placed(panels[view]);
  return { clientX: box.left + x(i), clientY: box.top + y(i), bubbles: true };
};
(async () => {
  const found = {}, show = view => document.querySelectorAll(".show")[view];
  const open = () => panels.every(each => each.viewer.world.getItemCount());
  while (!document.body.dataset.ready || !open()) await wait();
  await wait(300);
  found.options = Array.from(show(0).options, each => each.value);
  await set(by("opacity"), 100, "input");
  await set(show(0), "label");
  found.labels = [pixel(0, 0), pixel(0, 15)];
  found.legend = panels[0].legend.textContent;
  found.predicted = [pixel(1, 0), pixel(1, 3)];
  found.r = panels[1].legend.textContent;
  await set(by("gene"), 1);
  found.mirrored = [pixel(1, 0), pixel(1, 3)];
  await set(by("gene"), 0);
  await set(show(1), "difference");
  found.difference = [pixel(1, 0), pixel(1, 1)];
  await set(show(1), "inside");
  found.inside = panels[1].legend.textContent;
  await set(show(1), "ood_score");
  found.far = [pixel(1, 0), pixel(1, 15), panels[1].legend.textContent];
  await set(show(1), "predicted");
  found.hatched = Array.from({ length: 8 }, (_, k) => {
    const { canvas } = panels[1], { x, y } = placed(panels[1]), ratio = devicePixelRatio;
    return canvas.getContext("2d").getImageData((x(15) + k) * ratio, y(15) * ratio, 1, 1).data[0];
  });
  panels[1].canvas.parentNode.dispatchEvent(new PointerEvent("pointermove", at(1, 1)));
  found.tip = by("tip").textContent;
  found.tipShown = !by("tip").hidden;
  panels[1].canvas.parentNode.dispatchEvent(new PointerEvent("pointerleave"));
  found.tipGone = by("tip").hidden;
  await set(by("filter"), "normal");
  found.filtered = [pixel(0, 0)[3], pixel(0, 15)[3]];
  found.rOfNormal = panels[1].legend.textContent;
  const press = (view, key, code) => panels[view].viewer.canvas.dispatchEvent(
    new KeyboardEvent("keydown", { key, code, keyCode: key.charCodeAt(0), bubbles: true }));
  press(0, "n");
  found.next = by("status").textContent;
  press(0, "p");
  found.before = by("status").textContent;
  await set(by("filter"), "all");
  const zoom = () => panels.map(each => each.viewer.viewport.getZoom(true));
  const whole = zoom();
  const click = (view, title) =>
    panels[view].select.closest(".panel").querySelector(`button[title='${title}']`).click();
  click(0, "Zoom in");
  for (let i = 0; i < 50 && zoom()[1] < 1.46 * whole[1]; i++) await wait();
  await wait(600);
  found.zoomed = zoom().map((each, i) => each / whole[i]);
  click(1, "Show all");
  for (let i = 0; i < 50 && zoom()[0] > 1.01 * whole[0]; i++) await wait();
  await wait(600);
  found.home = zoom().map((each, i) => each / whole[i]);
  found.text = [document.title, by("warnings").textContent, by("links").textContent];
  if (!by("section").parentNode.hidden) {
    await set(by("section"), 1);
    await wait(300);
    found.about = by("about").textContent;
  }
  found.help = by("help").textContent;
  found.hit = window.hit ?? 0;
  const root = document.documentElement;
  found.fits = root.scrollWidth <= root.clientWidth;
  const said = { id: "found", textContent: JSON.stringify(found) };
  document.body.replaceChildren(Object.assign(document.createElement("pre"), said));
})();
</script></html>"""


def acted(path: Path, width: int = 1400) -> dict:
    """What `ACTS` finds in a browser."""
    text = path.read_text("utf-8").replace("<title>", FRAMES + "<title>", 1)
    path.write_text(text.replace("</html>", ACTS), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--window-size={width},1000", "--virtual-time-budget=60000"]
    command += [f"--user-data-dir={path.parent / 'browser'}", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return json.loads(unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)[1]))


@browser
def test_a_reader_looks_at_a_section(tmp_path):
    html = write(tmp_path / "data/raw/page.html", section(HOSTILE), section("S2"), title=HOSTILE)
    found = acted(html, width=800)
    assert found["hit"] == 0
    assert found["fits"]
    assert found["text"] == [HOSTILE, "careful", f"P1{HOSTILE}"]
    assert {"label", "measured", "predicted", "difference", "lower", "inside", "ood_score"} <= {
        *found["options"]
    }
    tumour, normal = [179, 71, 0, 255], [86, 180, 233, 255]
    assert found["labels"] == [tumour, normal]
    assert "tumour: 8" in found["legend"]
    assert "normal: 8" in found["legend"]
    dark = [68, 1, 84, 255]
    # Measured values reach half a unit further up than the prediction of 4.
    assert found["predicted"][0] == dark
    assert found["predicted"][1][1] > 150
    assert found["mirrored"][1] == dark
    assert found["mirrored"][0][1] > 150
    shown = section()
    rows = np.arange(shown.table.n_obs - 2)
    gene, other = shown.table.X[rows, 0], shown.table.layers["observed"][rows, 0]
    assert f"r = {np.corrcoef(gene, other)[0, 1]:.2f} over 14 spots" in found["r"]
    rows = rows[8:]
    r = np.corrcoef(shown.table.X[rows, 0], shown.table.layers["observed"][rows, 0])[0, 1]
    assert f"r = {r:.2f} over 6 spots" in found["rOfNormal"]
    # No difference is nearly white; predicted too low is blue.
    assert min(found["difference"][0]) > 240
    assert found["difference"][1][2] > found["difference"][1][0] + 50
    assert "within: 7" in found["inside"]
    assert "above the interval: 7" in found["inside"]
    assert "unlike the training images: 2" in found["inside"]
    assert found["far"] == [dark, [253, 231, 37, 255], "0.500.881.25"]
    assert len(set(found["hatched"])) > 1
    assert found["tipShown"]
    assert found["tipGone"]
    for line in ("Spot 1", "label: tumour", "measured: 2.5", "predicted: 2.0", "90% interval: 1.7"):
        assert line in found["tip"], line
    assert "distance from the training images: 0.50 of the limit" in found["tip"]
    assert found["filtered"] == [0, 255]
    assert "Spot 8 " in found["next"]
    assert "Spot 15 " in found["before"]
    # As far as its few pixels allow.
    assert found["zoomed"] == pytest.approx([1.47, 1.47], rel=0.03)
    assert found["home"] == pytest.approx([1, 1], rel=0.03)
    assert found["about"] == "16 spots"
    assert "Measured and predicted expression have the same colours" in found["help"]
    assert "Σc: all counts of the spot" in found["help"]


@browser
def test_a_reader_looks_at_a_slide(tmp_path):
    # As in Snakemake's report, where pages that it links are elsewhere.
    found = acted(write(tmp_path / "data/raw/0123/page.html", section(slide=True)))
    assert found["text"] == ["T", "careful", ""]
    assert found["options"] == ["image", "predicted", "lower", "upper", "ood_score"]
    assert found["fits"]
    assert "measured" not in found["tip"]
    assert "Tile 1" in found["tip"]
    assert "Point at a tile to see its values" in found["help"]
    assert "easured" not in found["help"].replace("number of measured genes", "")


def test_pages_of_patients_appear_together_or_not_at_all(tmp_path, monkeypatch):
    folder, entry = tmp_path / "viewer/held-out", tmp_path / "viewer/held-out.html"
    sections = [section("S1"), section("S2")]
    sections[1].table.obs["patient"] = "P2"

    def write_pages():
        index = tmp_path / "index.html"
        pages.write_pages(sections, entry, folder, index=index, genes=[], title="T")
        return sorted(path.name for path in folder.iterdir())

    def fill(shown, *rest):
        if shown.name == "S2":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return picture(shown, *rest)

    monkeypatch.setattr(pages, "picture", fill)
    with pytest.raises(InputError, match=r"held-out: cannot be written \(No space left"):
        write_pages()
    assert [*folder.parent.iterdir()] == []
    monkeypatch.undo()
    assert write_pages() == ["P1.html", "P2.html"]
    assert "P1.html" in entry.read_text()
