"""The magnification of a slide's scan, and its ratio to the working magnification."""

from typing import NamedTuple

from stnet.core.errors import InputError
from stnet.slides.image import MPP_TOLERANCE, SlideImage

# Scans of tissue have 0.1 (x100, oil) to 4 µm per pixel (x2.5); anything else is probably a slip or
# in another unit (ours).
PLAUSIBLE = (0.1, 4)
# Micrometres per pixel times magnification: x20 is about 0.5 µm per pixel.
UM_PER_PX_AT_1 = 10.0
# x20 is 0.45 to 0.55 µm per pixel, depending on the scanner. Ratios within this tolerance are
# rounded to a whole number, so that no tile is resampled by a factor such as 1.01.
NOMINAL = 0.15


class Scale(NamedTuple):
    """The scale of a slide at full resolution.

    `um_per_px` and `magnification` are those of level 0; `downsample` is the factor from level 0 to
    the working magnification; `taken_from` is `mpp`, `objective power` or `configured`.
    """

    um_per_px: float
    magnification: float
    downsample: float
    taken_from: str


class Configured(NamedTuple):
    """Micrometres per pixel from the configuration, or None.

    It `overrides` what a slide states (see `overridden`), or counts for slides that state
    neither their scale nor their objective. `key` is the part of the configuration that has it, for
    errors.
    """

    um_per_px: float | None = None
    overrides: bool = False
    key: str = "predict"


def resolve_scale(
    image: SlideImage,
    *,
    magnification: float,
    configured: Configured,
    least: float | None = None,
) -> Scale:
    """The scale of a slide to read at a magnification (ours).

    Magnification is nominal: 10 / (µm per pixel).

    Args:
        image: the slide.
        magnification: the magnification to work at.
        configured: scale from the configuration. A slide's own µm per pixel go before its
            objective.
        least: a slide scanned below `magnification`, but not below this, is read at its own
            magnification; None means `magnification`.

    Returns:
        The scale.

    Raises:
        InputError: the slide's scale is unknown or contradicts itself, or it was scanned below
            `least` and would have to be enlarged.
    """
    if configured.overrides and configured.um_per_px is not None:
        um_per_px, taken_from = configured.um_per_px, "configured"
    elif image.um_per_px is not None:
        um_per_px, taken_from = image.um_per_px, "mpp"
    elif image.objective_power is not None:
        um_per_px, taken_from = UM_PER_PX_AT_1 / image.objective_power, "objective power"
    elif configured.um_per_px is not None:
        um_per_px, taken_from = configured.um_per_px, "configured"
    else:
        raise InputError(
            f"{image.path}: says neither its micrometres per pixel nor its objective; set"
            f" {configured.key}.um_per_px"
        )
    scanned_at = UM_PER_PX_AT_1 / um_per_px
    downsample = scanned_at / magnification
    whole = max(1, round(downsample))
    is_nominal = abs(downsample / whole - 1) <= NOMINAL
    if downsample < 1 and not is_nominal:
        if least is not None and scanned_at >= least * (1 - NOMINAL):
            return Scale(um_per_px, scanned_at, 1.0, taken_from)
        raise InputError(
            f"{image.path}: scanned at x{scanned_at:.3g} ({um_per_px:.3g} µm per pixel, taken from:"
            f" {taken_from}), less than the x{magnification:g} to work at; lower"
            f" {configured.key}.tiles.magnification to {scanned_at:.3g}"
            f"{', or correct um_per_px' if taken_from == 'configured' else ''}"
        )
    return Scale(um_per_px, scanned_at, float(whole) if is_nominal else downsample, taken_from)


def implausible(um_per_px: float) -> list[str]:
    """A sentence if a scan of tissue hardly has these µm per pixel, or none."""
    least, most = PLAUSIBLE
    if least <= um_per_px <= most:
        return []
    return [
        f"its scale is {um_per_px:.4g} µm per pixel, but scans of tissue have {least:g} to"
        f" {most:g}; set um_per_px to what is right"
    ]


def overridden(image: SlideImage, um_per_px: float) -> list[str]:
    """A sentence if a configured µm per pixel differs from what the image states, or none."""
    try:
        own = image.um_per_px
    except InputError as error:
        return [f"um_per_px is set to {um_per_px:.4g}, which overrides this: {error}"]
    if own is None and image.objective_power is not None:
        own = UM_PER_PX_AT_1 / image.objective_power
    if own is None or abs(um_per_px / own - 1) <= MPP_TOLERANCE:
        return []
    return [
        f"um_per_px is set to {um_per_px:.4g}, {um_per_px / own:.2g} times the image's own"
        f" {own:.4g}; take it out if the image is right"
    ]
