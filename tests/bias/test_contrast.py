"""A quantity of groups compared: intervals that hold at once, and what chance alone gives."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from auditkit.bias.contrast import Measured, contrast, exceedance, null_of


def normal(values, errors, **others):
    values = np.asarray(values, float)
    return Measured(
        labels=[f"g{i}" for i in range(len(values))],
        values=values,
        errors=np.asarray(errors, float),
        n=np.full(len(values), 100),
        **others,
    )


def test_two_groups_have_the_ordinary_interval_of_a_difference():
    gap = contrast(normal([0.8, 0.5], [0.03, 0.04]))
    assert gap.estimate.value == pytest.approx(0.3)
    assert gap.critical == pytest.approx(1.959964, abs=1e-5)
    assert gap.estimate.low == pytest.approx(0.3 - 1.959964 * 0.05, abs=1e-5)
    assert (gap.lowest, gap.highest) == ("g1", "g0")


def test_the_chance_beyond_a_limit_is_that_of_the_normal_for_two_groups():
    gap = contrast(normal([0.8, 0.5], [0.03, 0.04]))
    assert gap.beyond(0.2) == pytest.approx(2 * norm.sf(0.1 / 0.05), rel=1e-4)


@pytest.mark.parametrize("limit", [0.05, 0.15, 0.2, 0.25])
def test_the_chance_beyond_a_limit_is_under_five_percent_where_the_interval_excludes_it(limit):
    rng = np.random.default_rng(0)
    values, errors = np.array([0.5, 0.6, 0.7, 0.75]), np.array([0.02, 0.03, 0.02, 0.03])
    drawn = values + rng.normal(size=(2000, 4)) * errors, np.tile(errors, (2000, 1))
    gap = contrast(normal(values, errors, drawn=drawn))
    assert (gap.beyond(limit) <= 0.05) == (gap.estimate.low > limit)


def test_a_value_within_the_limit_is_no_evidence_against_it():
    assert contrast(normal([0.8, 0.75], [0.01, 0.01])).beyond(0.1) == 1.0


def test_all_pairs_hold_at_once_in_95_of_100_tables_of_normal_means():
    rng = np.random.default_rng(1)
    errors = np.array([0.01, 0.02, 0.03, 0.02, 0.05, 0.01])
    held = []
    for _ in range(600):
        gap = contrast(normal(rng.normal(size=6) * errors, errors))
        held.append((gap.pairs["low"] <= 0).all() and (gap.pairs["high"] >= 0).all())
    assert np.mean(held) >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / 600)


def test_draws_with_heavy_tails_widen_the_intervals_and_never_narrow_them():
    rng = np.random.default_rng(2)
    values, errors = np.zeros(3), np.full(3, 0.1)
    heavy = rng.standard_t(2, size=(4000, 3)) * 0.1, np.full((4000, 3), 0.1)
    plain = contrast(normal(values, errors)).critical
    assert contrast(normal(values, errors, drawn=heavy)).critical > plain + 0.5
    light = np.zeros((4000, 3)), np.full((4000, 3), 0.1)
    assert contrast(normal(values, errors, drawn=light)).critical == plain


def test_a_group_without_a_value_makes_the_gap_undefined_and_is_named():
    gap = contrast(normal([0.8, np.nan, 0.5], [0.1, np.nan, 0.1]), what="the AUC")
    assert not gap.estimate.defined
    assert gap.estimate.reason == "the AUC is undefined for g1"
    assert math.isnan(gap.beyond(0.1))


def test_one_group_is_no_gap():
    assert contrast(normal([0.8], [0.1])).estimate.reason == "1 group to compare; a gap needs two"


def test_the_null_counts_the_gap_itself_and_leaves_out_draws_without_a_value():
    permuted = np.array([[0.1, 0.1], [0.1, 0.3], [0.5, 0.1], [np.nan, 0.1]])
    null = null_of(permuted, 0.2)
    assert null.draws == 3
    assert null.mean == pytest.approx(0.2)
    assert null.p_value == pytest.approx(3 / 4)


def test_no_evidence_is_so_strong_that_its_chance_is_zero():
    assert 0 < exceedance(30.0, np.zeros(999), (2,)) < 1e-100


def test_where_all_are_equal_two_groups_are_named_and_not_one_twice():
    gap = contrast(normal([0.5, 0.5, 0.5], [0.1, 0.1, 0.1]))
    assert gap.estimate.value == 0
    assert gap.lowest != gap.highest
