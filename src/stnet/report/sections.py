"""The page with the spots of each section drawn on its image."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table
from stnet.expression.spots import CONTRACT
from stnet.figures.section_overview import colour_limits, overview
from stnet.figures.style import webp
from stnet.report.page import write_html
from stnet.report.tables import worst_first


def write_sections_page(
    sections: Sequence[str | Path],
    table: str | Path,
    spots: str | Path,
    html: str | Path,
    cohort: str,
) -> None:
    """Write a page with a picture of each section, those with warnings first.

    Args:
        sections: files of the sections.
        table: the dataset's table of sections, in the same order.
        spots: the dataset's table of used spots.
        html: page to write.
        cohort: name of the cohort.

    Raises:
        InputError: a file is damaged or of an older version.
    """
    measured = read_table(spots)
    limits = colour_limits(measured)
    shown = []
    for row in worst_first(read_table(table).assign(path=sections)).itertuples():
        section = read_h5ad(row.path, CONTRACT, backed=True)
        drawn = webp(overview(section, measured[measured["section"] == row.section], limits))
        section.file.close()
        shown.append(
            {
                **{"name": row.section, "patient": row.patient},
                "warnings": "" if pd.isna(row.warnings) else row.warnings,
                "picture": b64encode(drawn).decode(),
            }
        )
    write_html(html, "sections.html", title=f"Sections: {cohort}", sections=shown)
