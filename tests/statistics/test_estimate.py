"""What an estimate's interval says of a limit."""

import math

import pytest
from scipy.stats import norm

from auditkit.statistics.estimate import Estimate, chance_beyond, undefined


def between(low: float, value: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=100, method="made up")


def test_a_limit_at_either_end_of_a_95_percent_interval_has_a_chance_of_one_in_twenty():
    estimate = between(0.1, 0.2, 0.4)
    assert chance_beyond(estimate, 0.1) == pytest.approx(0.05)
    assert chance_beyond(estimate, 0.4) == pytest.approx(0.05)


def test_twice_as_far_is_twice_as_many_standard_errors():
    twice = 2 * norm.sf(2 * norm.isf(0.025))
    assert chance_beyond(between(0.1, 0.2, 0.4), 0.0) == pytest.approx(twice)


def test_at_the_limit_nothing_is_told():
    assert chance_beyond(between(0.1, 0.2, 0.4), 0.2) == 1.0


def test_a_figure_that_is_counted_leaves_no_chance():
    assert chance_beyond(between(0.2, 0.2, 0.2), 0.1) == 0.0


def test_an_open_end_tells_nothing_and_an_undefined_value_has_none():
    assert chance_beyond(between(0.1, 0.2, math.inf), 0.3) == 1.0
    assert math.isnan(chance_beyond(undefined("nobody"), 0.3))
