import math

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.groups import (
    CELLS,
    RATES,
    group_counts,
    label,
    rate_estimates,
    rate_of_all,
    rates,
    sizes,
)
from auditkit.errors import DataError, UsageError
from auditkit.statistics.intervals import rate_interval

TRUTH = [1, 1, 0, 0, 1, 0, 1, 0]
GUESS = [1, 0, 1, 0, 1, 0, 1, 1]
SEX = ["f", "f", "f", "f", "m", "m", "m", "m"]


def table(**groups: tuple[int, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(groups, orient="index", columns=list(CELLS))


def test_counts_worked_out_by_hand() -> None:
    counts = group_counts(TRUTH, GUESS, pd.Series(SEX, name="sex"))
    assert counts.to_numpy().tolist() == [[1, 1, 1, 1], [2, 1, 0, 1]]
    assert counts.columns.tolist() == ["tp", "fp", "fn", "tn"]
    assert counts.index.tolist() == ["f", "m"]
    assert counts.index.name == "sex"
    assert (counts.dtypes == np.int64).all()


@pytest.mark.parametrize(
    "convert",
    [
        np.array,
        pd.Series,
        lambda y: np.array(y, dtype=bool),
        lambda y: np.array(y, dtype=np.uint8),
        lambda y: np.array(y, dtype=float),
        lambda y: np.array(y, dtype=object),
        lambda y: np.array(y).reshape(-1, 1),
        lambda y: pd.Series(y, dtype="Int64", index=range(100, 108)),
        lambda y: pd.Series(y, dtype="boolean"),
        lambda y: pd.Series(np.array(y, dtype=bool), dtype=object),
    ],
)
def test_every_spelling_of_0_and_1_counts_the_same(convert) -> None:
    assert group_counts(convert(TRUTH), convert(GUESS), SEX).to_numpy().tolist() == [
        [1, 1, 1, 1],
        [2, 1, 0, 1],
    ]


@pytest.mark.parametrize(
    "convert",
    [
        np.array,
        lambda s: np.array(s, dtype=object),
        lambda s: pd.Series(s, dtype="category"),
        lambda s: pd.Series(s, dtype=object),
        lambda s: pd.Series(pd.Categorical(s, categories=["x", "m", "f"])),
        lambda s: pd.DataFrame({"sex": s}),
        lambda s: {"sex": s},
        lambda s: [pd.Series(s, name="sex")],
    ],
)
def test_every_spelling_of_a_group_counts_the_same(convert) -> None:
    counts = group_counts(TRUTH, GUESS, convert(SEX))
    assert counts.index.tolist() == ["f", "m"]
    assert not isinstance(counts.index, pd.MultiIndex)
    assert counts.to_numpy().tolist() == [[1, 1, 1, 1], [2, 1, 0, 1]]


def test_the_order_of_the_rows_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    sensitive = pd.DataFrame({"a": rng.choice(list("xyz"), 90), "b": rng.integers(0, 3, 90)})
    y, p = rng.integers(0, 2, (2, 90))
    order = rng.permutation(90)
    shuffled = group_counts(y[order], p[order], sensitive.iloc[order])
    pd.testing.assert_frame_equal(group_counts(y, p, sensitive), shuffled)


def test_ordered_categories_keep_their_order_and_numbers_sort_as_numbers() -> None:
    ages = pd.Categorical(list("bcab"), categories=["c", "b", "a"], ordered=True)
    assert group_counts([0] * 4, [0] * 4, ages).index.tolist() == ["c", "b", "a"]
    assert group_counts([0] * 3, [0] * 3, [10, 9, 100]).index.tolist() == [9, 10, 100]


def test_intersections_that_occur_are_counted_and_no_others() -> None:
    people = {"sex": ["f", "f", "m", "m"], "race": ["b", "w", "w", "w"]}
    counts = group_counts([1, 0, 1, 1], [1, 1, 0, 1], people)
    assert counts.index.tolist() == [("f", "b"), ("f", "w"), ("m", "w")]
    assert list(counts.index.names) == ["sex", "race"]
    assert counts.to_numpy().tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0]]


def test_intersections_agree_with_pandas_groupby() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.integers(0, 4, (500, 3)), columns=["a", "b", "c"]).astype(str)
    y, p = rng.integers(0, 2, (2, 500))
    cells = pd.DataFrame(
        {"tp": y & p, "fp": (1 - y) & p, "fn": y & (1 - p), "tn": (1 - y) & (1 - p)}
    )
    expected = cells.groupby([frame[one] for one in frame]).sum()
    pd.testing.assert_frame_equal(group_counts(y, p, frame), expected, check_index_type=False)


def test_many_columns_do_not_overflow() -> None:
    rng = np.random.default_rng(2)
    wide = pd.DataFrame({f"c{i}": rng.permutation(300) for i in range(12)})  # 300^12 names
    counts = group_counts(np.ones(300, int), np.ones(300, int), wide)
    assert len(counts) == 300
    assert (counts["tp"] == 1).all()


def test_missing_membership_is_a_group_of_its_own_and_the_last() -> None:
    sensitive = pd.Series(["z", None, "a", np.nan, "(missing)"], name="sex")
    counts = group_counts([1] * 5, [1] * 5, sensitive)
    assert counts.index.tolist() == ["a", "z", "(missing)"]
    assert counts["tp"].tolist() == [1, 1, 3]
    numbers = group_counts([1] * 3, [0] * 3, pd.Series([2, None, 1]))
    assert [label(one) for one in numbers.index] == ["1", "2", "(missing)"]


@pytest.mark.parametrize("bad", [["<=50K", ">50K"], [0, 2], [-1, 1], [0.5, 1.0], ["0", "1"]])
def test_labels_other_than_0_and_1_are_refused_with_the_way_out(bad: list[object]) -> None:
    with pytest.raises(DataError, match="compare it with the favoured value") as error:
        group_counts(bad, [0, 1], ["a", "b"])
    assert "\n" not in str(error.value)
    assert "y_true" in str(error.value)


@pytest.mark.parametrize("bad", [[0.0, np.nan], [1, None], pd.array([1, None], dtype="Int64")])
def test_missing_decisions_are_refused(bad: object) -> None:
    with pytest.raises(DataError, match="y_pred is missing in 1 of 2 rows"):
        group_counts([0, 1], bad, ["a", "b"])


def test_columns_of_different_lengths_are_refused_with_the_lengths() -> None:
    with pytest.raises(DataError, match="y_true 3, y_pred 2, sensitive 2"):
        group_counts([0, 1, 1], [0, 1], ["a", "b"])


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        group_counts([], [], [])
    with pytest.raises(DataError, match="no sensitive column"):
        group_counts([1], [1], {})
    with pytest.raises(DataError, match="same name"):
        group_counts([1], [1], [pd.Series(["a"], name="x"), pd.Series(["b"], name="x")])


def test_rates_worked_out_by_hand() -> None:
    found = rates(table(f=(3, 1, 2, 4)))
    expected = {
        "selection_rate": 4 / 10,
        "true_positive_rate": 3 / 5,
        "false_positive_rate": 1 / 5,
        "true_negative_rate": 4 / 5,
        "false_negative_rate": 2 / 5,
        "precision": 3 / 4,
        "negative_predictive_value": 4 / 6,
        "accuracy": 7 / 10,
    }
    assert found.loc["f"].to_dict() == pytest.approx(expected)
    assert set(RATES) == set(expected)


def test_a_group_without_positives_has_no_true_positive_rate_and_says_so() -> None:
    found = rate_estimates(table(f=(0, 1, 0, 2), m=(1, 0, 1, 0)), "true_positive_rate")
    assert found.loc["f", ["value", "low", "high"]].isna().all()
    assert found.loc["f", "reason"] == "no positives in this group"
    assert found.loc["f", "n"] == 0
    assert found.loc["m", "reason"] == ""


@pytest.mark.parametrize("name", RATES)
def test_every_rate_lies_in_its_interval_and_says_who_is_lacking(name: str) -> None:
    rate = RATES[name]
    assert set(rate.numerator) < set(rate.denominator) <= set(CELLS)
    found = rate_estimates(table(f=(3, 1, 2, 4), m=(0, 0, 0, 0)), name, confidence=0.8)
    hits, n = rate.parts(table(f=(3, 1, 2, 4)))
    assert found.loc["f", "low"] < found.loc["f", "value"] < found.loc["f", "high"]
    assert found.loc["f", ["low", "high"]].tolist() == [
        one[0] for one in rate_interval(hits, n, confidence=0.8)
    ]
    assert found.loc["m", "reason"] == f"{rate.nobody} in this group"


def test_an_unknown_rate_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'precision'"):
        rate_estimates(table(f=(1, 1, 1, 1)), "precison")


def test_labels_read_well() -> None:
    assert label("Female") == "Female"
    assert label(("Female", "Black")) == "Female, Black"
    assert label((2.0, "(missing)")) == "2, (missing)"
    assert label(2.5) == "2.5"


def test_the_rate_of_all_rows_is_not_the_mean_of_the_groups():
    counts = pd.DataFrame({"tp": [8, 1], "fp": [0, 0], "fn": [2, 0], "tn": [0, 0]})
    assert rate_of_all(counts, "true_positive_rate") == 9 / 11
    assert math.isnan(rate_of_all(counts, "false_positive_rate"))
    assert sizes(counts).tolist() == [10, 1]
