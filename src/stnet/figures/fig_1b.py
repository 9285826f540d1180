"""Fig. 1b: number of spots in each section, sections grouped by patient."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from stnet.core.tables import read_table
from stnet.figures.style import (
    BLUE,
    COLUMN_MM,
    PAGE_MM,
    SKY,
    new_figure,
    save,
    styled,
    whole_thousands,
)

GAP = 0.7  # between patients, in widths of a bar


def draw(sections: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw Fig. 1b from the dataset's `sections.tsv`."""
    save(spots_per_section(read_table(sections)), figures)


@styled
def spots_per_section(sections: pd.DataFrame) -> Figure:
    """One bar per section: its number of used spots, in the order of the table.

    `sections` has the columns `patient`, `section` and `used`.
    """
    patients = list(dict.fromkeys(sections["patient"]))
    figure = new_figure(PAGE_MM if len(sections) > 15 else COLUMN_MM, 60)
    axis = figure.add_subplot()
    start, centres = 0.0, []
    for number, patient in enumerate(patients):
        spots = sections.loc[sections["patient"] == patient, "used"]
        places = [start + bar for bar in range(len(spots))]
        axis.bar(places, spots, width=0.85, color=(BLUE, SKY)[number % 2])
        centres.append((places[0] + places[-1]) / 2)
        start += len(spots) + GAP
    many = sum(map(len, map(str, patients))) > len(patients) * 2 + 20
    axis.set_xticks(centres, patients, rotation=90 if many else 0)
    axis.tick_params(axis="x", length=0)
    # Otherwise a single bar would fill the page.
    axis.set_xlim(-1, max(start - GAP, 4))
    axis.set_xlabel("Patient (one bar per section)")
    axis.set_ylabel("Spots")
    whole_thousands(axis, "y")
    return figure
