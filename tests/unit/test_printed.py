"""Numbers as figures and pages print them."""

import math

import pytest

from stnet.core.printed import decimals, short


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.416, 2, "−0.42"), (-0.001, 2, "0.00"), (1234.5, 1, "1,234.5"), (2, 2, "2.00")],
)
def test_fixed_decimals(value, digits, text):
    assert decimals(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.4163, "−0.416"),
        (-12345.67, "−12,345.7"),
        (30612, "30,612"),
        ("30612", "30,612"),
        (1.23e-5, "1.2\u00a0×\u00a010⁻⁵"),
        (-2e-12, "−2\u00a0×\u00a010⁻¹²"),
        (9.96e-5, "1\u00a0×\u00a010⁻⁴"),
        (0.0001, "0.0001"),
        (math.nan, ""),
        (-math.inf, "−∞"),
        ("a-b", "a-b"),
    ],
)
def test_numbers_are_short(value, text):
    assert short(value) == text
