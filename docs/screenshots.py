"""Make the pictures of the tutorials again, from a finished demo: `make docs`."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
# The file that a picture is of, and its height in pixels where that is a page.
SHOWN = {
    "front": ("results/demo/index.html", 900),
    "sections": ("results/demo/tables/dataset/sections.html", 1000),
    "ledger": ("results/demo/ledger-planted.html", 760),
    "map": ("results/predict/all/CASE/map.png", None),  # of the tutorial on a slide
}
WIDTH = 1200  # of the browser
SHRUNK = 960  # of a picture
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def photograph(browser: str, page: Path, height: int) -> bytes:
    """The upper part of a page, as PNG."""
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "page.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = [f"--window-size={WIDTH},{height}", f"--screenshot={picture}"]
        command = [browser, *options, *size, page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        return picture.read_bytes()


def write(content: bytes, output: Path) -> None:
    """Write a picture as WebP, no wider than `SHRUNK`."""
    image = Image.open(BytesIO(content)).convert("RGB")
    if image.width > SHRUNK:
        size = (SHRUNK, round(image.height * SHRUNK / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    image.save(output, quality=80, method=6)


if __name__ == "__main__":
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    for name, (path, height) in SHOWN.items():
        source, output = ROOT / path, IMAGES / f"{name}.webp"
        if not source.exists():
            print(f"{output.name} stays as it is: no {path} (docs/tutorials say how it is made)")
        elif height and browser is None:
            print(f"{output.name} stays as it is: no chromium or google-chrome on the PATH")
        else:
            write(photograph(browser, source, height) if height else source.read_bytes(), output)
