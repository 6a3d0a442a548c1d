"""What a change costs: laws and numbers worked out by hand."""

import math

import numpy as np
import pytest

from auditkit.attribution.counterfactuals.costs import NumberCost, category_cost, typical
from auditkit.errors import DataError, UsageError


def test_a_step_is_the_median_distance_from_the_median():
    assert typical([1, 2, 4, 8, 100]) == 3  # median 4; distances 3, 2, 0, 4, 96


def test_where_most_values_are_one_the_mean_distance_takes_its_place():
    assert typical([0] * 9 + [20]) == 2
    assert typical([5, 5, 5]) == 1


def test_the_cost_in_deviations_has_no_unit():
    values = np.array([1.0, 2, 4, 8, 100])
    first = NumberCost.of(values).between(2, 8)
    assert first == pytest.approx(2)
    assert NumberCost.of(1000 * values + 7).between(2007, 8007) == pytest.approx(first)


def test_the_cost_in_percentiles_is_that_of_ustun():
    cost = NumberCost.of([1, 2, 3, 4], "percentiles")
    # Half of the rows at a value count as below: 1 has 1/8 below, 4 has 7/8.
    assert cost.between(1, 4) == pytest.approx(math.log(7 / 8) - math.log(1 / 8))
    assert cost.between(4, 1) == cost.between(1, 4)
    assert np.isfinite(cost.between(1, 1000))


def test_nothing_moved_costs_nothing_and_the_way_adds_up():
    for measure in ("deviations", "percentiles"):
        cost = NumberCost.of([1, 2, 3, 4, 5], measure)
        assert cost.between(3, 3) == 0
        assert cost.between(1, 5) == pytest.approx(cost.between(1, 2) + cost.between(2, 5))


def test_a_missing_number_costs_one_at_least_and_none_is_ever_put_in():
    cost = NumberCost.of([1, 2, 3])
    assert cost.between(math.nan, 2) == 1
    assert cost.between(math.nan, 5) == 3
    assert math.isinf(cost.between(2, math.nan))


def test_another_category_costs_one():
    found = category_cost(np.array([[0], [-1], [-2]]), np.array([0, 1]))
    assert found.tolist() == [[0, 1], [1, 1], [1, 1]]


def test_a_cost_without_values_or_of_another_name_is_refused():
    with pytest.raises(DataError, match="no value"):
        NumberCost.of([math.nan])
    with pytest.raises(UsageError, match="deviations"):
        NumberCost.of([1, 2], "steps")
