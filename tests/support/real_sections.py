"""Rows of a sheet for real sections of HER2ST, and how they are read as their paper's cohort."""

from data import HER2ST

IMAGES = {
    "B4": "B/B4/BT10737_D2_HE.jpg",
    "C2": "C/C2/5714_HE_BT_C2.jpg",
    "C3": "C/C3/5714_HE_BT_D1.jpg",
    "C4": "C/C4/5714_HE_BT_D2.jpg",
}
# Of `write_section`.
OPTIONS = {
    "label_classes": {"tumour": [], "normal": []},
    "require_label": False,
    "spot_window": 224,
    "spot_pitch_um": 200,
    "genes": None,
}


def her2st_row(name: str) -> dict[str, str]:
    return {
        "patient": name[0],
        "section": name,
        "format": "her2st",
        "image": str(HER2ST / "ST-imgs" / IMAGES[name]) if name in IMAGES else "",
        "counts": str(HER2ST / f"ST-cnts/{name}.tsv.gz"),
        "spots": str(HER2ST / f"ST-spotfiles/{name}_selection.tsv"),
        "grid": "square",
        **{"labels": "", "um_per_px": "", "pixel_scale": ""},
    }
