"""What columns become: conditions that can be read, and the rows that meet them."""

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.subgroups.slices import conditions, cuts
from auditkit.errors import DataError, UsageError


def named(frame: pd.DataFrame, **options) -> dict[str, list[int]]:
    found = conditions(frame, **options)
    rows = [np.flatnonzero(one).tolist() for one in found.rows]
    return dict(zip(found.names, rows, strict=True))


def test_levels_are_conditions_and_an_empty_cell_is_a_level():
    frame = pd.DataFrame({"work": ["Private", "State", None, "Private"]})
    assert named(frame) == {
        "work = Private": [0, 3],
        "work = State": [1],
        "work = (missing)": [2],
    }


def test_a_level_written_missing_and_an_empty_cell_are_one():
    frame = pd.DataFrame({"work": ["(missing)", None, "x", "y"]})
    assert named(frame)["work = (missing)"] == [0, 1]


def test_numbers_are_cut_at_quantiles_and_every_run_of_parts_is_a_condition():
    found = named(pd.DataFrame({"age": np.arange(30)}), bins=3)
    assert found == {
        "age under 10": list(range(10)),
        "age under 20": list(range(20)),
        "age 10 to 19": list(range(10, 20)),
        "age 10 or more": list(range(10, 30)),
        "age 20 or more": list(range(20, 30)),
    }


def test_a_missing_number_is_no_small_one():
    found = named(pd.DataFrame({"age": [1.0, 2.0, np.nan, np.inf]}))
    assert found == {"age = 1": [0], "age = 2": [1], "age = (missing)": [2, 3]}


def test_where_nearly_all_numbers_are_the_least_it_stands_against_the_rest():
    gain = np.array([0] * 95 + [100, 200, 300, 400, 500, 600])
    assert list(named(pd.DataFrame({"gain": gain}))) == ["gain = 0", "gain 100 or more"]


def test_edges_are_rounded_to_be_read_and_no_part_is_empty():
    values = np.random.default_rng(0).uniform(3, 4, 1000)
    edges = cuts(values, 5)
    assert np.array_equal(edges, np.round(edges, 2))
    assert len(edges) == 4
    assert np.bincount(np.searchsorted(edges, values, side="right"), minlength=5).min() > 150


@pytest.mark.parametrize("seed", range(20))
def test_cuts_leave_no_part_empty_whatever_the_values(seed: int):
    rng = np.random.default_rng(seed)
    values = np.round(rng.exponential(size=200) ** rng.uniform(0.5, 8), rng.integers(0, 4))
    edges, bins = cuts(values, 5), 5
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    assert len(edges) < bins
    assert counts.min() > 0 or len(np.unique(values)) == 1


def test_conditions_that_the_same_rows_meet_are_told_once():
    frame = pd.DataFrame({"school": ["a", "b", "b"], "years": [9, 13, 13]})
    assert list(named(frame)) == ["school = a", "school = b"]


def test_conditions_of_too_few_rows_or_of_too_many_are_left_out():
    frame = pd.DataFrame({"town": ["x"] * 5 + ["y"] * 4 + ["z"], "same": 1})
    assert list(named(frame, least=2)) == ["town = x", "town = y"]


def test_columns_of_images_are_refused_and_so_is_one_bin():
    pixels = pd.DataFrame({"image": [np.zeros((1, 2, 2))] * 3})
    with pytest.raises(DataError, match="'image' holds images"):
        conditions(pixels)
    with pytest.raises(UsageError, match="bins is 1"):
        conditions(pd.DataFrame({"x": [1, 2]}), bins=1)
