"""Means of what has a long tail: exact where the law is known, and never surer than the rows."""

import math

import numpy as np
import pytest
from scipy.stats import chi2

from auditkit.statistics.intervals import z_of
from auditkit.statistics.positive import WARY, WARY_OF_SQUARES, positive_limits, wary_variance

Z = z_of(0.95)


def test_squares_of_normal_errors_have_the_chi_square_interval():
    # A normal square has twice the squared mean for a variance: n degrees of freedom.
    low, high = positive_limits(np.array([3.0]), np.array([25.0]), np.array([2.0]), Z)
    assert low[0] == pytest.approx(3 * 25 / chi2.ppf(0.975, 25))
    assert high[0] == pytest.approx(3 * 25 / chi2.ppf(0.025, 25))


def test_a_mean_of_nothing_and_one_without_variance_are_certain():
    low, high = positive_limits(np.array([0.0, 2.0]), np.array([9.0, 9]), np.array([1.0, 0.0]), Z)
    assert low.tolist() == high.tolist() == [0, 2]


def test_a_variance_that_is_not_known_gives_no_interval():
    low, high = positive_limits(np.array([1.0]), np.array([9.0]), np.array([math.nan]), Z)
    assert np.isnan([low[0], high[0]]).all()


def test_the_variance_of_all_is_worked_out_by_hand():
    # Squared shares 1, 1, 4, 4 of two groups: 10 / (4 - 2) = 5, their deviation 1.5.
    shares = [np.array([1.0, -1]), np.array([2.0, -2])]
    assert wary_variance(shares, 0.0).tolist() == [5, 8]  # the second's own is larger
    assert wary_variance(shares, 2.0).tolist() == [pytest.approx(5 + 2 * 1.5 / 2), 8]


def test_groups_of_one_or_without_error_tell_nothing_and_spoil_nothing():
    shares = [np.array([1.0, -1]), np.array([0.0]), np.full(3, np.nan)]
    found = wary_variance(shares, 0.0)
    assert found[0] == 2
    assert math.isnan(found[1])
    assert found[2] == 2  # its own is not known: it takes that of all
    assert np.isnan(wary_variance([np.array([0.0])], 2.0)).all()


LAWS = {
    "normal": (lambda rng, shape: rng.normal(size=shape), math.sqrt(2 / math.pi), 1.0),
    "lognormal": (lambda rng, shape: np.exp(rng.normal(size=shape)), math.exp(0.5), math.exp(2)),
    "laplace": (lambda rng, shape: rng.laplace(size=shape), 1.0, 2.0),
}


@pytest.mark.parametrize("law", sorted(LAWS))
@pytest.mark.parametrize("rows", [15, 200])
def test_a_small_group_beside_a_large_one_is_covered_whatever_the_tail(law: str, rows: int):
    draw, absolute, square = LAWS[law]
    rng, tables = np.random.default_rng(0), 800
    held = np.zeros(2)
    for _ in range(tables):
        errors = [np.abs(draw(rng, n)) for n in (rows, 200)]
        for place, (power, wary, true) in enumerate(
            ((1, WARY, absolute), (2, WARY_OF_SQUARES, square))
        ):
            means = [float((one**power).mean()) for one in errors]
            shares = [one**power / mean - 1 for one, mean in zip(errors, means, strict=True)]
            variance = wary_variance(shares, wary)[:1]
            low, high = positive_limits(np.array(means[:1]), np.array([rows]), variance, Z)
            held[place] += low[0] <= true <= high[0]
    assert (held / tables >= 0.94 - 2 * math.sqrt(0.94 * 0.06 / tables)).all()
