"""A small group is hidden, and so is whatever would give it away."""

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.suppression import may_be_shown, not_shown


def sized(rows: list[int], index: pd.Index | None = None) -> pd.DataFrame:
    return pd.DataFrame({"tp": rows, "fp": 0, "fn": 0, "tn": 0}, index=index)


def shown(rows: list[int], least: int = 10) -> list[bool]:
    return may_be_shown(sized(rows), least).tolist()


def test_large_groups_are_all_shown():
    assert shown([100, 10, 30]) == [True, True, True]


def test_two_small_groups_hide_each_other():
    assert shown([100, 6, 5, 30]) == [True, False, False, True]


def test_a_lone_small_group_takes_the_next_smallest_with_it():
    assert shown([100, 3, 30]) == [True, False, False]


def test_small_groups_that_hold_too_few_rows_together_take_another():
    assert shown([100, 3, 2, 30]) == [True, False, False, False]


def test_of_two_groups_neither_is_shown():
    assert shown([100, 3]) == [False, False]


def test_an_intersection_cannot_be_worked_out_from_any_groups_total():
    index = pd.MultiIndex.from_product([["F", "M"], ["x", "y", "z"]])
    rows = np.array([3, 40, 50, 60, 70, 80])
    seen = may_be_shown(sized(rows.tolist(), index), 10)
    for level in range(2):
        for group in index.unique(level):
            line = index.get_level_values(level) == group
            hidden = ~seen & line
            assert not hidden.any() or (hidden.sum() > 1 and rows[hidden].sum() >= 10)
    assert not seen[0]
    assert seen.sum() == 2


def test_a_group_of_one_intersection_has_nothing_left_to_hide():
    index = pd.MultiIndex.from_tuples([("F", "x"), ("M", "x"), ("M", "y")])
    assert may_be_shown(sized([3, 40, 50], index), 10).tolist() == [False, False, False]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([100, 30], ""),
        ([100, 6, 5], "2 groups of fewer than 10 rows are not shown (11 rows together)."),
        ([100, 40, 3], "1 group of fewer than 10 rows is not shown, nor 1 larger group"),
    ],
)
def test_it_is_said_what_is_not_shown(rows, said):
    counts = sized(rows)
    assert said in not_shown(counts, may_be_shown(counts, 10), 10)
    assert bool(not_shown(counts, may_be_shown(counts, 10), 10)) == bool(said)
