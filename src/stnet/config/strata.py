"""The tissue classes of labelled spots, and the strata of the evaluation."""

CLASSES = ["tumour", "normal"]
# `all` includes unlabelled spots.
STRATA = ["all", *CLASSES]
