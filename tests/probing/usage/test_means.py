import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auditkit.probing.usage.means import (
    area_within,
    likeness_within,
    mean_of,
    share_bounds,
    share_of,
    smallest_share,
    within,
)
from auditkit.statistics.intervals import rate_interval


def two(scores):
    """Scores of the second of two groups as a reading holds them."""
    return np.stack([-np.asarray(scores, float), np.asarray(scores, float)], axis=1)


def test_an_area_within_strata_compares_rows_of_one_stratum_alone():
    """Stratum 0: 1 pair, right. Stratum 1: 2 pairs, one right; weights 1/2 and 2/3."""
    groups, strata = np.array([0, 1, 0, 0, 1]), np.array([0, 0, 1, 1, 1])
    found = area_within(groups, two([1.0, 2.0, 5.0, 9.0, 7.0]), strata, None)
    assert found.value == pytest.approx((0.5 * 1 + 2 / 3 * 0.5) / (0.5 + 2 / 3))


def test_in_one_stratum_it_is_the_area_under_the_curve():
    rng = np.random.default_rng(0)
    groups = rng.integers(3, size=200)
    said = rng.normal(size=(200, 3)) + np.eye(3)[groups]
    each = [roc_auc_score(groups == one, said[:, one]) for one in range(3)]
    assert area_within(groups, said, np.zeros(200, int), None).value == pytest.approx(np.mean(each))


def test_what_is_read_through_the_target_alone_is_chance_given_the_target():
    """Scores tell the target, and the attribute goes with it: .8 plainly, .5 given it."""
    rng = np.random.default_rng(0)
    target = rng.integers(2, size=4000)
    groups = np.where(rng.uniform(size=4000) < 0.8, target, 1 - target)
    said = two(3 * target + rng.normal(size=4000))
    assert area_within(groups, said, np.zeros(4000, int), None).value > 0.75
    given = area_within(groups, said, target, None)
    assert abs(given.value - 0.5) < given.reach()


def test_intervals_of_areas_and_likenesses_hold():
    covered = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        strata, groups = rng.integers(2, size=(2, 120))
        said = two(groups + rng.normal(size=120) + strata)
        truth = 0.7602  # Phi(1 / sqrt 2)
        found = area_within(groups, said, strata, None)
        covered.append(abs(found.value - truth) < found.reach())
        numbers = rng.normal(size=120)
        other = likeness_within(numbers, 0.6 * numbers + 0.8 * rng.normal(size=120), strata, None)
        covered.append(abs(other.value - 0.7048) < other.reach())  # 1/2 + asin(.6) / pi
    assert 0.92 < np.mean(covered) < 0.98


def test_rows_of_a_person_count_together():
    rng = np.random.default_rng(0)
    groups, whose = np.repeat(rng.integers(2, size=100), 5), np.repeat(np.arange(100), 5)
    said = two(np.repeat(rng.normal(size=100), 5) + groups)
    alone = area_within(groups, said, np.zeros(500, int), None)
    together = area_within(groups, said, np.zeros(500, int), whose)
    assert together.value == alone.value
    assert together.error == pytest.approx(alone.error * np.sqrt(5), rel=0.1)
    assert together.units == 100


def test_a_share_has_the_interval_of_its_counts_and_persons_weigh_once():
    marked = np.arange(100) < 7
    one = share_of(marked, None)
    assert (one.low, one.high) == pytest.approx([float(end) for end in rate_interval(7, 100)])
    tenfold = share_of(np.repeat(marked, 10), np.repeat(np.arange(100), 10))
    assert (tenfold.low, tenfold.high) == pytest.approx((one.low, one.high), rel=0.02)
    none = share_bounds(np.zeros(1000, bool), np.repeat(np.arange(100), 10), 0.95)
    assert none[1] == pytest.approx(float(rate_interval(0, 100)[1]))


def test_the_mean_is_students():
    found = mean_of(np.array([1.0, 2.0, 3.0, 6.0]), None)
    assert found.value == 3.0
    assert found.error == pytest.approx(np.std([1, 2, 3, 6], ddof=1) / 2)
    assert found.reach() == pytest.approx(3.1824 * found.error, rel=1e-4)


def test_the_smallest_share_that_counts_is_the_first_whose_interval_lies_beyond():
    share = smallest_share(200, None, 0.01, 0.95)
    low = [float(rate_interval(round(200 * share) - step, 200)[0]) for step in (0, 1)]
    assert low[0] > 0.01 >= low[1]
    assert np.isnan(smallest_share(2, None, 0.9, 0.95))


def test_means_within_strata_are_taken_out():
    found = within(np.array([1.0, 3.0, 10.0]), np.array([4, 4, 9]))
    assert found.tolist() == [-1.0, 1.0, 0.0]
