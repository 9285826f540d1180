"""The part of a section's image that its file has at full resolution."""

from io import BytesIO

import numpy as np
from PIL import Image

from stnet.slides.image import SlideImage

# Side in pixels: some spots, and a picture that a page shows pixel by pixel.
SIDE = 640


def cut_close_up(image: SlideImage, spots: np.ndarray) -> dict:
    """A part of an image around the spot nearest to the middle of `spots`, (n, 2) as x and y.

    `left` and `top` are its place in the image. `jpeg` has the bytes of a file, a tenth of the
    pixels' size. Empty without spots. Raises InputError if the image is damaged.
    """
    if not len(spots):
        return {}
    centre = spots[np.linalg.norm(spots - np.median(spots, axis=0), axis=1).argmin()]
    sides = np.minimum(SIDE, image.size)
    left, top = np.clip(centre - sides // 2, 0, image.size - sides).astype(int).tolist()
    file = BytesIO()
    pixels = image.read(left, top, *sides.tolist())
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return {"left": left, "top": top, "jpeg": np.frombuffer(file.getvalue(), dtype=np.uint8)}
