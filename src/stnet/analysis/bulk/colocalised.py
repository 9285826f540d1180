"""Tables of co-localisation: measured in a cohort's sections, or predicted in whole slides."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.analysis.bulk.colocalisation import Section, compare_with_chance, make_pairs, summarise
from stnet.analysis.bulk.random_sets import draw_sets, random_differences, summarise_null
from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import write_table


def write_measured(
    targets: str | Path,
    outputs: Mapping[str, str | Path],
    *,
    tumour: Sequence[str],
    immune: Sequence[str],
) -> None:
    """Write the co-localisation of measured expression in the sections of a cohort.

    Args:
        targets: a file of `stnet.expression.targets.write_targets`, with all spots of the cohort.
        outputs: paths of `pairs` and `patients`, the tables of `compare_with_chance`, and of
            `summary`, the tables of `summarise` and of `summarise_null`.
        tumour, immune: symbols of the genes.

    Source: Results, "in our ST-Net data".
    """
    measured = read_h5ad(targets)
    ids = measured.obs["section"].astype(str).to_numpy()
    patients = measured.obs["patient"].astype(str).to_numpy()
    sections = []
    for name in dict.fromkeys(ids):
        rows = ids == name
        sections.append(Section(patients[rows][0], name, np.asarray(measured.X[rows])))
    symbols = measured.var["symbol"].astype(str).tolist()
    _write(lambda: sections, symbols, outputs, tumour, immune)


def write_predicted(
    slides: Sequence[str | Path],
    outputs: Mapping[str, str | Path],
    *,
    tumour: Sequence[str],
    immune: Sequence[str],
) -> None:
    """Write the co-localisation of predicted expression over the tiles of whole slides.

    Slides are read one at a time, and three times: the first time for the genes' mean prediction,
    which the matching needs. Slides without tiles are left out. `outputs`, `tumour` and `immune`
    are as in `write_measured`.

    Raises:
        InputError: the slides' predictions are of different genes.

    Source: Results, "in TCGA, where we used spatial expression for these biomarkers that we
    predicted from the images".
    """
    var = read_h5ad(slides[0]).var

    def sections() -> Iterator[Section]:
        for path in slides:
            slide = read_h5ad(path)
            if not slide.var_names.equals(var.index):
                raise InputError(
                    f"{path}: predicts other genes than {slides[0]}; predict all by one model"
                )
            if slide.n_obs:
                names = (str(slide.obs[key].iloc[0]) for key in ("patient", "section"))
                yield Section(*names, np.asarray(slide.X))

    _write(sections, var["symbol"].astype(str).tolist(), outputs, tumour, immune)


def _write(
    sections: Callable[[], Iterable[Section]],
    symbols: list[str],
    outputs: Mapping[str, str | Path],
    tumour: Sequence[str],
    immune: Sequence[str],
) -> None:
    """Iterate over the sections for the genes' means, the correlations, and the random sets."""
    total, n_spots = np.zeros(len(symbols)), 0
    for section in sections():
        total += section.values.sum(axis=0, dtype=np.float64)
        n_spots += len(section.values)
    means = total / max(n_spots, 1)
    pairs, note = make_pairs(symbols, means, tumour, immune)
    of_pairs, patients = compare_with_chance(sections(), pairs)
    sets = draw_sets(means, *(sorted({pair.columns[side] for pair in pairs}) for side in (0, 1)))
    null = summarise_null(patients["difference"].mean(), random_differences(sections(), sets))
    write_table(of_pairs, outputs["pairs"])
    write_table(patients, outputs["patients"])
    summary = pd.concat([summarise(patients, len(pairs), note), null])
    write_table(summary, outputs["summary"])
