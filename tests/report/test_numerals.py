import math

import pytest

from auditkit.report.numerals import prose, roughly, telling_decimals, with_interval, write
from auditkit.results import Unit

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1809, Unit.SHARE, "18.1 %"),
        (-0.02, Unit.SHARE, "−2.0 %"),
        (0.0, Unit.SHARE, "0.0 %"),
        (1.0, Unit.SHARE, "100.0 %"),
        (0.0002, Unit.SHARE, "< 0.1 %"),
        (-0.0002, Unit.SHARE, "> −0.1 %"),
        (0.99996, Unit.SHARE, "> 99.9 %"),
        (16281, Unit.COUNT, "16,281"),
        (16281.0, Unit.NUMBER, "16,281"),
        (12345.6, Unit.NUMBER, "12,346"),
        (12.345, Unit.NUMBER, "12.3"),
        (2.718, Unit.NUMBER, "2.72"),
        (0.87214, Unit.NUMBER, "0.872"),
        (-0.5, Unit.NUMBER, "−0.500"),
        (0.000031, Unit.NUMBER, "3.1 × 10⁻⁵"),
        (0, Unit.NUMBER, "0"),
        (math.nan, Unit.SHARE, "–"),
        (math.inf, Unit.NUMBER, "–"),
        (None, Unit.NUMBER, "–"),
    ],
)
def test_numbers_read_as_a_person_writes_them(value, unit, text):
    assert write(value, unit).replace(NBSP, " ") == text


def test_an_interval_repeats_no_unit():
    text = with_interval(0.1809, (0.1719, 0.19), Unit.SHARE).replace(NBSP, " ")
    assert text == "18.1 % (17.2 to 19.0)"
    assert with_interval(0.5, (math.nan, 1), Unit.NUMBER) == "0.500"
    assert with_interval(0.5, (0.5, 0.5), Unit.NUMBER) == "0.500"


def test_a_guessed_number_of_rows_has_two_figures():
    assert roughly(8_445_882) == "8,400,000"
    assert roughly(97) == "97"


def test_a_difference_of_shares_is_written_in_points():
    text = with_interval(0.1809, (0.1719, 0.19), Unit.POINTS).replace(NBSP, " ")
    assert text == "18.1 points (17.2 to 19.0)"
    assert write(-0.001, Unit.POINTS).replace(NBSP, " ") == "−0.1 points"


def test_a_value_beside_its_limit_gets_the_decimals_that_tell_them_apart():
    assert telling_decimals(Unit.SHARE, [0.10004], 0.1) == 3
    assert telling_decimals(Unit.SHARE, [0.1004], 0.1) == 2
    assert telling_decimals(Unit.SHARE, [0.18], 0.1) is None
    assert telling_decimals(Unit.SHARE, [0.1], 0.1) is None
    assert telling_decimals(Unit.SHARE, [0.1], math.nan) is None


def test_a_sentence_never_breaks_before_a_percent_sign():
    assert prose("7.5 % of 3 rows") == "7.5\u00a0% of 3 rows"
