"""Numbers as figures and pages print them."""

import math

import pytest

from stnet.core.printed import alike, decimals, short


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


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ((0.0811, 0.00828, 0.154), ["0.081", "0.008", "0.154"]),
        ((0.4, 0.297, -0.5), ["0.400", "0.297", "−0.500"]),
        ((12.5, 9.96, 15.25), ["12.5", "10.0", "15.2"]),
        ((123.4, 5, 1), ["123", "5", "1"]),
        ((35, 30, 41), ["35", "30", "41"]),
        ((2e-6, 1e-7, 3e-5), ["2\u00a0×\u00a010⁻⁶", "1\u00a0×\u00a010⁻⁷", "3\u00a0×\u00a010⁻⁵"]),
        ((0.25, math.nan, math.inf), ["0.250", "", "∞"]),
    ],
)
def test_numbers_that_stand_together_have_the_same_decimals(numbers, texts):
    assert alike(*numbers) == texts
