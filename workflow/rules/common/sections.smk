# The sections of a cohort, and their files.

# What a download or a simulation leaves in the folder of a Visium section's positions.
SPATIAL_FILES = ["tissue_positions_list.csv", "scalefactors_json.json"]


def sheet_row(cohort, section):
    """Row of the section sheet."""
    for row in sections(cohort):
        if row["section"] == section:
            return row
    refuse(f"no section {section} in {configuration.cohort(cohort)['sheet']}")


def section_ids(cohort):
    """Sections of a cohort, in the sheet's order."""
    return [row["section"] for row in sections(cohort)]


def section_image(w):
    """Image of a section, for what cannot do without."""
    image = sheet_row(w.cohort, w.section)["image"]
    if not image:
        refuse(f"section {w.section} of cohort {w.cohort} has no image, and a network needs one")
    return image


def for_image(least):
    """Memory in MB: `least`, or what a Visium section's image takes, which is decoded as a whole."""
    return lambda w: 6000 if sheet_row(w.cohort, w.section)["format"] == "visium" else least


def section_spots(w):
    """The spot file of a section; of a Visium section the two files of Space Ranger's folder."""
    row = sheet_row(w.cohort, w.section)
    if row["format"] != "visium":
        return row["spots"]
    if cohort(w.cohort)["source"]:
        return [f"{row['spots']}/{name}" for name in SPATIAL_FILES]
    return sorted(map(str, Path(row["spots"]).glob("*.[cj]s*")))
