# The sections of a cohort, and their files.

# Files that a download or a simulation writes into the folder of a Visium section's positions.
SPATIAL_FILES = ["tissue_positions_list.csv", "scalefactors_json.json"]


def sheet_row(cohort, section):
    """Row of the section sheet."""
    for each in sections(cohort):
        if each["section"] == section:
            return each
    refuse(f"no section {section} in {config['cohorts'][cohort]['sheet']}")


def section_row(w):
    """Row of the section sheet of the job's section."""
    return sheet_row(w.cohort, w.section)


def of_section(column):
    """Input function: what the section sheet says of the job's section, or nothing."""
    return lambda w: section_row(w)[column] or []


def section_ids(cohort):
    """Sections of a cohort, in the sheet's order."""
    return [each["section"] for each in sections(cohort)]


def of_sections(path):
    """Input function: a file of every section of the job's cohort."""
    return lambda w: expand(path, **dict(w.items()), section=section_ids(w.cohort))


def gene_table(w):
    """The cohort's table of gene identifiers, or nothing."""
    return row_of("cohorts", w.cohort)["genes"] or []


def section_image(w):
    """Image of a section. An error if it has none."""
    image = section_row(w)["image"]
    if not image:
        refuse(
            f"section {w.section} of cohort {w.cohort} has no image; name one in the section sheet"
        )
    return image


def for_image(least):
    """Memory in MB: `least`, or more where images are decoded as a whole."""
    return lambda w: 6000 if FORMATS[section_row(w)["format"]].whole_image else least


def section_spots(w):
    """The files of a section's spots."""
    row = section_row(w)
    if config["cohorts"][w.cohort]["source"] and "spots" in FORMATS[row["format"]].folders:
        return [f"{row['spots']}/{name}" for name in SPATIAL_FILES]
    return spot_files(row)


def spot_files(row):
    """The files that a row of a section sheet names as spots, or those of the folder it names."""
    if "spots" in FORMATS[row["format"]].folders:
        return space_ranger_files(row["spots"])
    return row["spots"] or []


def space_ranger_files(folder):
    """Positions and scale factors in Space Ranger's folder, under whatever names it gives them."""
    return sorted(map(str, Path(folder).glob("*.[cj]s*")))
