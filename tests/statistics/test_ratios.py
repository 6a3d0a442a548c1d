import math

import numpy as np
import pytest
from scipy.stats import t

from auditkit.errors import DataError
from auditkit.statistics.intervals import rate_interval
from auditkit.statistics.ratios import ratio_difference, ratio_estimate


def test_a_ratio_of_sums_by_hand() -> None:
    # 6 of 12; residuals x - y / 2 are 1, -1, 0; over the mean of y (4): sd 1/4, n 3.
    found = ratio_estimate([2, 1, 3], [2, 4, 6])
    half = t.ppf(0.975, 2) * 0.25 / math.sqrt(3)
    assert found.value == 0.5
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))


def test_with_rows_of_one_size_it_is_the_mean_with_student_s_interval() -> None:
    x = np.array([1.0, 4.0, 2.0, 9.0])
    found = ratio_estimate(x, np.ones(4))
    half = t.ppf(0.975, 3) * x.std(ddof=1) / 2
    assert (found.value, found.low) == pytest.approx((4, 4 - half))


def test_what_is_hard_for_both_cancels() -> None:
    rng = np.random.default_rng(0)
    size, hard = rng.integers(1, 9, 50).astype(float), rng.uniform(size=50)
    apart = ratio_difference((size * (hard + 0.1), size), (size * hard, size))
    assert apart.value == pytest.approx(0.1)
    assert apart.high - apart.low < 1e-9
    assert ratio_estimate(size * hard, size).high - ratio_estimate(size * hard, size).low > 0.05


@pytest.mark.parametrize("n", [8, 62])
def test_few_rows_are_covered_as_promised(n: int) -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        size = rng.lognormal(3, 0.5, n)
        found = ratio_estimate(size * rng.normal(2, 0.3, n), size)
        inside += found.low <= 2 <= found.high
    assert 0.92 <= inside / 1000 <= 0.97


def test_what_cannot_be_had_says_why() -> None:
    assert ratio_estimate([], []).reason == "there are no rows"
    assert ratio_estimate([0, 0], [0, 0]).reason == "the rows have no length at all"
    assert ratio_difference(([], []), ([], [])).reason == "there are no rows"
    assert math.isnan(ratio_estimate([1], [2]).low)
    assert ratio_estimate([0, 0, 1], [9, 9, 9], least=0).low == 0


def test_unequal_columns_are_refused() -> None:
    with pytest.raises(DataError, match="two numbers for each row"):
        ratio_estimate([1, 2], [1])
    with pytest.raises(DataError, match="same rows"):
        ratio_difference(([1], [1]), ([1, 2], [1, 2]))


def test_rows_without_an_error_do_not_prove_that_there_is_none() -> None:
    found = ratio_estimate(np.zeros(20), np.arange(1, 21), least=0)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(rate_interval(0, 20)[1])
    assert math.isnan(ratio_estimate([0], [3], least=0).high)


def test_two_rows_are_enough_for_an_interval() -> None:
    found = ratio_estimate([1, 3], [4, 4])  # residuals -1 and 1 over 4: sd root 2 / 4
    assert found.high - found.value == pytest.approx(t.ppf(0.975, 1) / 4)
