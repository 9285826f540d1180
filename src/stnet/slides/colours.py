"""Whether the colours of an image can be those of H&E on a bright slide.

Both stains absorb green most, and haematoxylin, in dark nuclei, is bluer than eosin. So green is
the darkest channel of most tissue, and dark tissue is bluer than pale. Neither holds for inverted
images, channels in another order and most other stains. In HER2ST's five images and Aperio's CMU-1
green is the darkest channel of 75 to 97% of the tissue, and redness correlates with brightness by
0.42 to 0.85; inverted, or with green in another place, it is so of at most 22%, and with red and
blue exchanged the correlation has the other sign.

Source: ours.
"""

import numpy as np
from PIL import Image

# Optical density of red, green and blue per haematoxylin, eosin and DAB (Ruifrok and Johnston,
# 2001).
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
# A pixel is glass if its mean of red, green and blue is above this (Methods, "TCGA analysis":
# "220"). On some microscopes glass is grey. The limit is then the 95th percentile of the brightness
# minus a margin (ours).
BACKGROUND = 220.0
BRIGHTEST, MARGIN = 95, 15
# That percentile is 217 and more in the images above.
DARKEST_GLASS = 128
# Differences between channels of coloured pixels, and the least share of such pixels to judge by.
COLOURED, FEWEST = 15, 0.01
LEAST_GREEN_DARKEST, LEAST_CORRELATION = 0.5, -0.15


def glass_limit(brightness: np.ndarray) -> float:
    """The mean of red, green and blue above which a pixel of an image is glass."""
    return min(BACKGROUND, float(np.percentile(brightness, BRIGHTEST)) - MARGIN)


def odd_colours(picture: Image.Image) -> str:
    """What is odd about the colours of an image at low resolution, RGB; or ""."""
    pixels = np.asarray(picture, dtype=np.float32).reshape(-1, 3)
    brightness = pixels.mean(axis=1)
    if (brightest := np.percentile(brightness, BRIGHTEST)) < DARKEST_GLASS:
        return (
            f"nothing in the image is as bright as glass ({BRIGHTEST}% is darker than"
            f" {brightest:.0f} of 255): it may be inverted, or not of a bright field"
        )
    tissue = (brightness <= glass_limit(brightness)) & (np.ptp(pixels, axis=1) > COLOURED)
    if tissue.mean() < FEWEST:
        return ""
    red, green, blue = pixels[tissue].T
    # Of the colour alone, so that tissue that fades into glass counts alike.
    redness, bright = (red - blue) / np.ptp(pixels[tissue], axis=1), brightness[tissue]
    darkest = (green < np.minimum(red, blue)).mean()
    if darkest < LEAST_GREEN_DARKEST:
        return (
            f"the colours are unlike those of H&E, in which green is the darkest channel (here of"
            f" {darkest:.0%} of the tissue): it may be inverted, of another stain, or have its"
            " channels in another order"
        )
    if min(redness.std(), bright.std()) > 0:
        correlation = np.corrcoef(redness, bright)[0, 1]
        if correlation < LEAST_CORRELATION:
            return (
                f"red and blue may be exchanged: dark tissue is redder than pale (r"
                f" {correlation:.2f}), and in H&E it is bluer"
            )
    return ""
