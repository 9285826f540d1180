"""Levels of prediction intervals, and how many patients each needs."""

import math

LEVELS = (0.5, 0.8, 0.9, 0.95)


def patients_needed(level: float) -> int:
    """The fewest held-out patients whose errors give an interval of a level: 9 of 90%.

    The patient to predict is as likely as each of K others to have the largest errors, so these
    tell nothing above a level of K / (K + 1). Source: Lee, Barber and Willett 2023.
    """
    # Rounded, because 1 - 0.9 is less than 0.1 in binary.
    return math.ceil(round(level / (1 - level), 6))
