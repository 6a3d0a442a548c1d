import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.data.memberships import band_names, memberships, quartile_bands, sensitive_column
from auditkit.data.schema import Column, Kind, Schema
from auditkit.errors import DataError


def schema_with(*sensitive: Column) -> Schema:
    target = Column(name="y", kind=Kind.CATEGORICAL)
    return Schema(target=target, positive="1", features=(), sensitive=sensitive)


AGE = Column(name="age", kind=Kind.NUMERIC, bands=(25, 45))
SEX = Column(name="sex", kind=Kind.CATEGORICAL, levels=("M", "F"))


def test_bands_are_named_and_sorted_by_value() -> None:
    frame = pd.DataFrame({"age": [90, 24, 25, 44, 45, 24.9]})
    groups = memberships(frame, schema_with(AGE))["age"]
    expected = ["45 and over", "under 25", "25 to 44", "25 to 44", "45 and over", "under 25"]
    assert groups.tolist() == expected
    assert groups.cat.categories.tolist() == ["under 25", "25 to 44", "45 and over"]
    assert groups.cat.ordered


def test_names_of_bands() -> None:
    assert band_names((0.5, 1.5)) == ("under 0.5", "0.5 to under 1.5", "1.5 and over")
    assert band_names((0, 1)) == ("under 0", "0 to under 1", "1 and over")
    assert band_names((7,)) == ("under 7", "7 and over")


def test_missing_values_are_a_group_of_their_own_and_come_last() -> None:
    frame = pd.DataFrame({"age": [np.nan, 30, np.inf], "sex": [None, "F", ""]})
    groups = memberships(frame, schema_with(AGE, SEX))
    assert groups["age"].tolist() == ["(missing)", "25 to 44", "(missing)"]
    assert groups["sex"].tolist() == ["(missing)", "F", "(missing)"]
    assert groups["sex"].cat.categories.tolist() == ["F", "(missing)"]


def test_levels_keep_the_order_of_the_schema_and_new_ones_follow() -> None:
    frame = pd.DataFrame({"sex": ["X", "F", "M", " F "]})
    groups = memberships(frame, schema_with(SEX))["sex"]
    assert groups.tolist() == ["X", "F", "M", "F"]
    assert groups.cat.categories.tolist() == ["M", "F", "X"]


def test_numbers_used_as_levels_read_alike_whatever_their_type() -> None:
    column = Column(name="code", kind=Kind.CATEGORICAL, levels=("1", "2"))
    for values in ([1, 2], [1.0, 2.0], ["1", "2"]):
        groups = memberships(pd.DataFrame({"code": values}), schema_with(column))["code"]
        assert groups.tolist() == ["1", "2"]


def test_the_index_of_the_rows_is_kept() -> None:
    frame = pd.DataFrame({"sex": ["F", "M"]}, index=[7, 3])
    assert memberships(frame, schema_with(SEX)).index.tolist() == [7, 3]


def test_text_in_a_banded_column_and_an_absent_column_are_refused() -> None:
    with pytest.raises(DataError, match="holds text such as 'old'"):
        memberships(pd.DataFrame({"age": ["old"]}), schema_with(AGE))
    with pytest.raises(DataError, match=r"no column 'age' in x\.csv; there is agee: did you mean"):
        memberships(pd.DataFrame({"agee": [1]}), schema_with(AGE), "x.csv")


@given(st.lists(st.floats(-1e6, 1e6), min_size=11, max_size=40, unique=True))
def test_quartile_bands_rise_and_leave_no_band_empty(values: list[float]) -> None:
    bands = quartile_bands(np.array(values))
    assert list(bands) == sorted(set(bands))
    counts = np.bincount(np.searchsorted(bands, values, side="right"), minlength=len(bands) + 1)
    assert (counts > 0).all()


def test_mostly_equal_numbers_are_cut_once() -> None:
    gains = np.array([0.0] * 90 + list(range(100, 1100, 100)))
    assert quartile_bands(gains) == (500.0,)


def test_decimal_quartiles_are_rounded_to_be_read() -> None:
    assert quartile_bands(np.linspace(0, 1, 1001)) == (0.25, 0.5, 0.75)
    assert sensitive_column(pd.Series([1.5] * 20, name="x")).levels == ("1.5",)
