import numpy as np
import pandas as pd
import pytest

from auditkit.data.values import canonical, coded, in_order, numbers, row_number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" a ", "a"),
        (1, "1"),
        (1.0, "1"),
        (np.float32(1), "1"),
        (np.int8(1), "1"),
        (True, "true"),
        (np.bool_(False), "false"),
        (0.1, "0.1"),
        (-0.0, "0"),
        (1e300, "1e+300"),
    ],
)
def test_a_value_has_one_spelling(value: object, text: str) -> None:
    assert canonical(value) == text


def test_levels_that_read_alike_are_one() -> None:
    codes, names = coded(pd.Series([1, "1", " 1", None, "", "b"], dtype=object))
    assert names == ("1", "b")
    assert codes.tolist() == [0, 0, 0, -1, -1, 1]


def test_categories_are_levels_and_unused_ones_are_not() -> None:
    column = pd.Series(pd.Categorical(["x", None, "y"], categories=["z", "y", "x"]))
    assert coded(column).codes.tolist() == [0, -1, 1]
    assert coded(column).names == ("x", "y")


def test_numbers_sort_as_numbers_and_text_as_text() -> None:
    assert in_order(("10", "9", "2")) == ("2", "9", "10")
    assert in_order(("10", "9", "b")) == ("10", "9", "b")


def test_nullable_numbers_become_plain_ones() -> None:
    found = numbers(pd.Series([1, None, 3], dtype="Int64"))
    assert found.dtype == np.float64
    assert np.isnan(found).tolist() == [False, True, False]


def test_a_row_is_named_by_its_place_in_the_table_it_was_cut_from():
    frame = pd.DataFrame({"x": range(5)})
    assert row_number(frame.iloc[3:].index, 0) == 4
    assert row_number(pd.Index(["a", "b"]), 1) == 2
