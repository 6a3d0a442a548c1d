"""Means of skewed laws: Student's without skewness, wider on the side of the tail with it."""

import math

import numpy as np
import pytest
from scipy.stats import t

from auditkit.statistics.skewness import DOUBTED, skewed_limits, skewness_of


def test_without_skewness_the_limits_are_students():
    low, high = skewed_limits(2.0, 0.5, (0.0, 0.0), 9, 0.95)
    assert (float(low), float(high)) == pytest.approx((2 - 2.262157 * 0.5, 2 + 2.262157 * 0.5))


def test_a_known_skewness_gives_halls_limits():
    low, high = skewed_limits(0.0, 1.0, (0.3, 0.0), 30, 0.9)
    for end, sign in ((low, 1), (high, -1)):
        x = -float(end)  # at its limit the transformed distance is Student's critical value
        moved = x + 0.3 * x**2 / 3 + 0.3**2 * x**3 / 27 + 0.3 / 6
        assert moved == pytest.approx(sign * t.ppf(0.95, 30))
    assert high > -low


def test_a_doubted_skewness_gives_the_wider_end_on_either_side():
    both = skewed_limits(0.0, 1.0, (0.1, 0.2), 30, 0.95)
    least = skewed_limits(0.0, 1.0, (0.1 - DOUBTED * 0.2, 0.0), 30, 0.95)
    most = skewed_limits(0.0, 1.0, (0.1 + DOUBTED * 0.2, 0.0), 30, 0.95)
    assert both[0] == min(least[0], most[0])
    assert both[1] == max(least[1], most[1])


def test_the_skewness_of_a_sum_by_hand():
    # Shifts of 2, -1 and -1: cubes 8, -1, -1 sum to 6; their deviation is sqrt(18).
    seen, doubt = skewness_of(np.array([2.0, -1, -1]), 2.0)
    assert float(seen) == 6 / 8
    assert float(doubt) == pytest.approx(math.sqrt(18) * math.sqrt(3) / 8)
    assert [float(one) for one in skewness_of(np.zeros(3), 0.0)] == [0, 0]


def test_twenty_lognormal_values_are_covered_as_promised():
    rng, held, students = np.random.default_rng(2), 0, 0
    for _ in range(2000):
        values = np.exp(rng.normal(size=20))
        error = values.std(ddof=1) / math.sqrt(20)
        skewness = skewness_of((values - values.mean()) / 20, error)
        low, high = skewed_limits(values.mean(), error, skewness, 19, 0.95)
        held += low <= math.exp(0.5) <= high
        students += abs(values.mean() - math.exp(0.5)) <= t.ppf(0.975, 19) * error
    assert held / 2000 >= 0.94 - 2 * math.sqrt(0.94 * 0.06 / 2000)
    assert students / 2000 < 0.9
