"""The page with the spots of each section drawn on its image."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import pandas as pd

from stnet.cohorts.alignment import ON_IMAGE_OF, moves, placed
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table
from stnet.expression.spatial import picture_of
from stnet.expression.spots import CONTRACT
from stnet.figures.section_overview import Better, colour_limits, overview
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

    The alignment that clearly fits a section better is drawn beside its own.

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
    rows = worst_first(read_table(table).assign(path=sections))
    paths = dict(zip(rows["section"], rows["path"], strict=True))
    for row in rows.itertuples():
        flagged = isinstance(row.better_alignment, str)
        section = read_h5ad(row.path, CONTRACT, backed=not flagged)
        better = _better(section, row.better_alignment, paths) if flagged else None
        of_section = measured[measured["section"] == row.section]
        drawn = webp(overview(section, of_section, limits, better))
        if section.isbacked:
            section.file.close()
        shown.append(
            {
                **{"name": row.section, "patient": row.patient},
                "warnings": "" if pd.isna(row.warnings) else row.warnings,
                "picture": b64encode(drawn).decode(),
            }
        )
    write_html(html, "sections.html", title=f"Sections: {cohort}", sections=shown)


def _better(section: ad.AnnData, name: str, paths: Mapping[str, str | Path]) -> Better:
    """The alignment of a section that `better_move` or `better_image` named."""
    (of_section,) = section.uns["spatial"].values()
    places = section.obsm["spatial"]
    if name.startswith(ON_IMAGE_OF):
        other = read_h5ad(paths[name.removeprefix(ON_IMAGE_OF)], CONTRACT, backed=True)
        (of_section,) = other.uns["spatial"].values()
        other.file.close()
    else:
        places = dict(moves(placed(section)))[name][: section.n_obs]
    return Better(name, places, *picture_of(of_section))
