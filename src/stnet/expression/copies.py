"""Sections of a cohort that are one section, as it is or altered (ours).

A copy under another patient would be in the training set and in the test at once.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image
from scipy import fft, sparse
from scipy.ndimage import gaussian_filter, maximum_filter

from stnet.core.errors import InputError
from stnet.expression.spatial import picture_of

# Two sections are one if more than this share of the smaller one's spots are in both, because a
# copy may have lost some. Few spots may be equal by chance.
SHARED_SPOTS, FEWEST_SPOTS = 0.5, 10
# Images are compared at this scale, by detail of these sizes (s.d. in pixels, from 28 to 100 µm):
# outlines are alike in serial sections, and finer detail is lost in pictures. They are one image
# if they correlate by more than the last. HER2ST's serial sections C2 to C4 reach 0.34, images of
# two patients 0.11, the demo's 0.16. Copies that were turned, mirrored, cropped to 90% a side,
# brightened, stained otherwise and compressed have 0.66 and more, on HER2ST 0.84.
UM_PER_PX, FINE, COARSE, SAME_IMAGE = 40.0, 0.7, 2.5, 0.5
# An image with hardly a detail (the median of its size, in units of ln) has nothing to compare.
FAINT = 0.003
# The best partner of a spot is compared with the second best, on so many spots of a section, and
# on the genes with most counts; fewer are not conclusive. Fisher's z of the two differs, in
# standard errors, by 0.9 at most in HER2ST's 351 pairs of sections and the demo's 36; by 8 and more
# in copies of which every count was kept with a probability of 25%.
COMPARED_SPOTS, GENES, FEWEST_GENES, SAME_COUNTS = 50, 500, 100, 3.0
# Spots with fewer counts are alike by chance, in two sections too.
FEWEST_COUNTS = 10


EACH_ONCE = "name each section's own files in the section sheet, and each section once"
CONFIRM = ", under one patient; if you have looked and they are two, set confirmed to yes"


class Copy(NamedTuple):
    """Two sections that look like one.

    Attributes:
        where: their files, the later one first.
        found: what the later one has of the other.
        remedy: what to do.
        confirmed: whether the section sheet says that it is right all the same.
    """

    where: tuple[str, str]
    found: str
    remedy: str
    confirmed: bool


class Comparison(NamedTuple):
    """What comparing all sections gave.

    Attributes:
        copies: pairs that are one section.
        correlation: the largest of the pictures of other pairs, or -1.
        lead: the largest of a spot's best partner in the counts of other pairs, or -1.
    """

    copies: list[Copy]
    correlation: float
    lead: float


def refuse_copies(cohort: Sequence[ad.AnnData], paths: Sequence[str | Path]) -> None:
    """Raise InputError for the first copy that is not confirmed (`compare_sections`)."""
    for copy in compare_sections(cohort, paths).copies:
        if not copy.confirmed:
            raise InputError(f"{copy.where[0]}: {copy.found} {copy.where[1]}; {copy.remedy}")


def compare_sections(cohort: Sequence[ad.AnnData], paths: Sequence[str | Path]) -> Comparison:
    """Compare the used spots and the pictures of all pairs of sections.

    `cohort` has the used spots of each section, under the cohort's names of genes, and `paths` are
    their files. A pair is one section if it has the same image file, or more than half of the
    spots with the same counts (whatever their names) or pixel positions on an image; then no
    `confirmed` helps. It also is if the tissue in the pictures correlates, in any of the eight
    orientations and at any shift, or if more than half of the spots have a partner in the other
    whose counts are far closer than those of all others, as if reads had been left out.
    """
    exact = [_identity(section) for section in cohort]
    pictures, profiles = _pictures(cohort), _profiles(cohort)
    copies, correlations, partners = [], [], []
    for a, b in combinations(range(len(cohort)), 2):
        where = (str(paths[b]), str(paths[a]))
        same = [what for what in exact[b] if _shared(exact[b][what], exact[a].get(what))]
        if same:
            copies.append(Copy(where, f"has the {' and '.join(same)} of", EACH_ONCE, False))
            continue
        said = []
        r = _correlation(pictures[a], pictures[b])
        z = _lead(profiles[a], profiles[b])
        if r > SAME_IMAGE:
            said.append(f"image (they correlate by {r:.2f})")
        if z > SAME_COUNTS:
            said.append(f"counts (each spot has a partner, by {z:.0f} s.e.)")
        if said:
            found = f"has an altered copy of the {' and of the '.join(said)} of"
            confirmed = any(cohort[i].uns.get("checks", {}).get("confirmed") for i in (a, b))
            copies.append(Copy(where, found, EACH_ONCE + CONFIRM, bool(confirmed)))
        else:
            correlations.append(r)
            partners.append(z)
    return Comparison(copies, *(np.nanmax([*each, -1.0]) for each in (correlations, partners)))


def _identity(section: ad.AnnData) -> dict[str, np.ndarray | str]:
    """What only a copy has: counts of spots, their pixel positions if there is an image, its hash.

    A spot's counts are the hash of a sum, whatever its name and the order of genes. Spots with few
    counts are left out.
    """
    weights = pd.util.hash_array(section.var_names.to_numpy(dtype=object))
    counts = section.X.astype(np.uint64)
    enough = np.asarray(counts.sum(axis=1)).ravel() >= FEWEST_COUNTS
    found = {"counts": np.unique((counts @ weights)[enough])}
    if image := section.uns["slide"].get("sha256", ""):
        x, y = np.rint(section.obsm["spatial"]).astype(np.int64).T
        found |= {"spots": np.unique(x * 2**32 + y), "image": image}
    return found


def _shared(one: np.ndarray | str, other: np.ndarray | str | None) -> bool:
    if isinstance(one, str) or other is None:
        return isinstance(one, str) and one == other
    fewer = min(len(one), len(other))
    common = np.intersect1d(one, other, assume_unique=True)
    return fewer >= FEWEST_SPOTS and len(common) > SHARED_SPOTS * fewer


def _pictures(cohort: Sequence[ad.AnnData]) -> list[np.ndarray | None]:
    """Spectra of each section's picture in eight orientations, (8, side, side // 2 + 1)."""
    details = [_details(section) for section in cohort]
    side = fft.next_fast_len(max((max(d.shape) for d in details if d is not None), default=1))
    found = []
    for detail in details:
        if detail is not None:
            square = np.zeros((side, side), dtype=np.float32)
            square[: detail.shape[0], : detail.shape[1]] = detail
            turned = [np.rot90(square, quarter) for quarter in range(4)]
            detail = fft.rfft2(np.stack([*turned, *(each[:, ::-1] for each in turned)]))
        found.append(detail)
    return found


def _details(section: ad.AnnData) -> np.ndarray | None:
    """Darkness around the spots, without coarse and fine detail, as a vector of length 1.

    None without an image, or if it has hardly a detail. Only the spots' surroundings count, because
    the frame of an array is the same on all images.
    """
    (of_section,) = section.uns["spatial"].values()
    picture, reduction = picture_of(of_section)
    if picture is None or section.n_obs < FEWEST_SPOTS:
        return None
    scale = section.uns["slide"]["um_per_px"] / UM_PER_PX
    size = [max(1, round(side * reduction * scale)) for side in picture.size]
    rgb = np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=np.float32)
    darkness = -np.log((rgb + 1) / 256).mean(axis=2)
    last = np.array(darkness.shape[::-1]) - 1
    x, y = np.floor(section.obsm["spatial"] * scale).astype(int).clip(0, last).T
    near = np.zeros(darkness.shape, dtype=np.float32)
    near[y, x] = 1
    radius = of_section["scalefactors"]["spot_diameter_fullres"] * scale * 2
    near = maximum_filter(near, 2 * max(1, round(radius)) + 1)

    def smooth(sd: float) -> np.ndarray:
        return gaussian_filter(darkness * near, sd) / (gaussian_filter(near, sd) + 1e-6)

    detail = (smooth(FINE) - smooth(COARSE)) * near
    detail -= detail.sum() / near.sum() * near
    if np.median(np.abs(detail[near > 0])) < FAINT:
        return None
    (rows, columns) = (np.flatnonzero(near.any(axis=axis)) for axis in (1, 0))
    return detail[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / np.linalg.norm(detail)


def _correlation(one: np.ndarray | None, other: np.ndarray | None) -> float:
    """The best correlation of two pictures over orientations and shifts, or NaN."""
    if one is None or other is None:
        return np.nan
    side = one.shape[1]
    return float(fft.irfft2(one[0] * other.conj(), s=(side, side)).max())


def _profiles(cohort: Sequence[ad.AnnData]) -> list[np.ndarray | None]:
    """Pearson residuals of each spot's counts, centred and of length 1, float32 (spots, genes).

    None if a section has few spots or few of the genes, or half of its spots have few counts.
    """
    sums = pd.concat([gene_sums(section) for section in cohort], axis=1).sum(axis=1)
    genes = sums.sort_index().sort_values(ascending=False, kind="stable").index[:GENES]
    found = []
    for section in cohort:
        present = section.var_names.isin(genes)
        if section.n_obs < FEWEST_SPOTS or present.sum() < FEWEST_GENES:
            found.append(None)
            continue
        columns = genes.get_indexer(section.var_names[present])
        matrix = sparse.csr_matrix(section.X)
        totals = matrix.sum(axis=1).A1
        counts = np.zeros((section.n_obs, len(genes)), dtype=np.float32)
        counts[:, columns] = matrix[:, np.flatnonzero(present)].toarray()
        if np.median(counts.sum(axis=1)) < FEWEST_COUNTS:
            found.append(None)
            continue
        expected = np.outer(totals, counts.sum(axis=0) / totals.sum())
        residuals = (counts - expected) / np.sqrt(np.maximum(expected, 1e-9))
        residuals -= residuals.mean(axis=1, keepdims=True)
        lengths = np.linalg.norm(residuals, axis=1, keepdims=True)
        found.append((residuals / np.maximum(lengths, 1e-9)).astype(np.float32))
    return found


def _lead(one: np.ndarray | None, other: np.ndarray | None) -> float:
    """By how many standard errors a spot's best partner is ahead of the second, or NaN.

    The median over spots of the smaller section. Two spots of one tissue share expression, but not
    the noise of their counts, which a copy keeps.
    """
    if one is None or other is None:
        return np.nan
    few, many = sorted((one, other), key=len)
    few = few[np.linspace(0, len(few) - 1, COMPARED_SPOTS).astype(int)]
    best = np.partition(few @ many.T, -2, axis=1)[:, -2:].clip(-0.9999, 0.9999)
    second, first = np.arctanh(best).T
    return float(np.median(first - second) * np.sqrt(few.shape[1]))


def gene_sums(section: ad.AnnData) -> pd.Series:
    """Summed counts of each gene."""
    sums = np.asarray(section.X.sum(axis=0), dtype=np.float64).ravel()
    return pd.Series(sums, index=section.var_names)


def published_patients(cohort: Sequence[ad.AnnData], paths: Sequence[str | Path]) -> None:
    """Raise InputError if two patients of the sheet are one where the sections are from.

    Or if one patient of the sheet is two there. Only some formats name the published patient.
    """
    seen: dict[tuple[str, ...], tuple[str, str | Path]] = {}
    for section, path in zip(cohort, paths, strict=True):
        published = section.uns.get("published")
        for patient in section.obs["patient"].unique() if published else ():
            dataset, theirs = published["dataset_title"], published["patient"]
            for kind, one, name in (
                ("published", theirs, patient),
                ("in the sheet", patient, theirs),
            ):
                other, where = seen.setdefault((dataset, kind, one), (name, path))
                if other != name:
                    raise InputError(
                        f"{path}: patient {patient} of the section sheet is {theirs!r} of"
                        f" {dataset!r}, but {one!r} is {other!r} in {where}; give the sections of"
                        " one patient the same patient in the sheet, or correct the metadata"
                    )
