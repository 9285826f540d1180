"""The page with the spots of each section drawn on its image."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table
from stnet.expression.spots import CONTRACT
from stnet.figures.section_overview import colour_limits, overview
from stnet.figures.style import webp
from stnet.report.page import Picture, write_page
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
    rows, measured = read_table(table), read_table(spots)
    of_section = dict(iter(measured.groupby("section")))
    limits = colour_limits(measured)
    pictures = []
    for row in worst_first(rows.assign(path=sections)).itertuples():
        section = read_h5ad(row.path, CONTRACT, backed=True)
        drawn = webp(overview(section, of_section[row.section], limits))
        section.file.close()
        count = len(section.uns["checks"]["warnings"])
        pictures.append(Picture(row.section, count, b64encode(drawn).decode()))
    write_page(
        html,
        f"Sections of cohort {cohort}",
        [
            "Do the circles lie on the tissue, and do they follow its edge? They have the diameter "
            "of the spots. Orange ones are as bright as glass: off the tissue, or on fat. The "
            "checks cannot notice a small shift, or the image of a section that looks alike: look "
            "for counts that are high on glass or low on dense tissue.",
            "Sections with warnings come first, then those with the fewest spots on tissue. "
            "Colours have the same meaning in all sections: they go from the 1st to the 99th "
            "percentile of all spots of the cohort. dataset.html has the numbers.",
        ],
        pictures=pictures,
    )
