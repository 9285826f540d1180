"""The classes of tissue that spots are labelled with, and the strata that are evaluated."""

CLASSES = ["tumour", "normal"]
# `all` has unlabelled spots too.
STRATA = ["all", *CLASSES]
