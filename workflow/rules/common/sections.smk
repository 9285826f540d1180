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
    """Row of the section sheet of the job's section, and its cohort's `misaligned`."""
    misaligned = row_of("cohorts", w.cohort)["misaligned"]
    return {**sheet_row(w.cohort, w.section), "misaligned": misaligned}


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
        sheet = config["cohorts"][w.cohort]["sheet"]
        refuse(f"{sheet}: section {w.section} has no image; name one in the column image")
    return image


def for_section(row, least):
    """Memory in MB of reading a section: `least`, or more if its format takes more."""
    return max(least, FORMATS[row["format"]].memory_mb)


def for_image(least):
    """Memory in MB: `least`, or more where images are decoded as a whole."""
    return lambda w: 6000 if FORMATS[section_row(w)["format"]].whole_image else least


def section_files(column):
    """Input function: the files that a column of the section sheet stands for."""

    def files(w):
        row = section_row(w)
        if not config["cohorts"][w.cohort]["source"]:
            return named_files(row, column)
        # They are still to be made.
        if column == "spots" and FORMATS[row["format"]].find:
            return [f"{row['spots']}/{name}" for name in SPATIAL_FILES]
        return row[column] or []

    return files


named_files = or_refuse(files_of)
