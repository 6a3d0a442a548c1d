"""Columns as points and as bins."""

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.individual.scaling import MOST_LEVELS, binned, bins_of, scaled
from auditkit.errors import DataError


def test_two_rows_of_different_levels_are_one_apart_and_numbers_are_standardised():
    points = scaled(pd.DataFrame({"colour": ["red", "blue", "red"], "size": [1.0, 2.0, 3.0]}))
    colours, size = points[:, :2], points[:, 2]
    assert np.linalg.norm(colours[0] - colours[1]) == pytest.approx(1)
    assert np.linalg.norm(colours[0] - colours[2]) == 0
    assert size.mean() == pytest.approx(0)
    assert size.std() == pytest.approx(1)


def test_a_number_that_is_missing_stands_at_the_mean_and_says_so():
    points = scaled(pd.DataFrame({"size": [1.0, np.nan, 3.0, np.inf]}))
    assert points.tolist() == [[-1, 0], [0, 1], [1, 0], [0, 1]]


def test_numbers_that_are_codes_are_levels_where_told_so():
    frame = pd.DataFrame({"branch": [1, 2, 3]})
    assert scaled(frame).shape == (3, 1)
    assert scaled(frame, ["branch"]).shape == (3, 3)


@pytest.mark.parametrize(
    "column", [[None] * 4, [7.0] * 4, [1e200, -1e200, 0, 1], [True, False, None, True]]
)
def test_columns_that_are_empty_constant_huge_or_odd_stay_finite(column):
    frame = pd.DataFrame({"odd": pd.Series(column)})
    assert np.isfinite(scaled(frame)).all()
    assert all(one.size >= 1 for one in binned(frame))


def test_rare_levels_share_one_and_missing_ones_have_their_own():
    values = [f"l{i}" for i in range(80) for _ in range(80 - i)] + [None, ""]
    (feature,) = binned(pd.DataFrame({"town": values}))
    assert feature.size == MOST_LEVELS + 2
    assert feature.codes[-1] == feature.codes[-2] == MOST_LEVELS + 1
    assert feature.codes[0] == 0


def test_bins_are_of_equal_size_and_those_that_ties_leave_over_go_to_the_others():
    even = bins_of("x", np.arange(1000.0))
    assert np.bincount(even.codes).tolist() == [100] * 10
    mostly_nothing = np.r_[np.zeros(950), np.arange(1.0, 51)]
    gains = bins_of("gain", mostly_nothing)
    assert gains.size >= 5
    assert len(np.unique(gains.codes[:950])) == 1
    assert bins_of("x", np.array([1.0, np.nan, 1.0])).size == 2


def test_a_table_without_columns_is_refused():
    with pytest.raises(DataError, match="no feature"):
        scaled(pd.DataFrame(index=range(3)))
