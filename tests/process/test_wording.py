"""Numbers as people read them."""

import math

import pytest
from tdsp.wording import interval, number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1953, "1953"),  # it may be a year
        (1953.4, "1953"),
        (12345, "12,345"),
        (-129220.6, "-129,221"),
        (0.123456, "0.1235"),
        (0.00001234, "1.23e-05"),
        (math.nan, "n/a"),
        (None, "n/a"),
        (True, "n/a"),
    ],
)
def test_a_number_is_short_and_readable(value, written):
    assert number(value) == written


def test_an_interval_is_known_or_not():
    assert interval(2, 8.0) == "2 to 8"
    assert interval(None, 8) == interval(2, math.nan) == "n/a"
