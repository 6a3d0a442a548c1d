"""Several classes by group, counted once: as by hand, as fairlearn, as `group_counts`."""

import math

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score, recall_score

from auditkit.bias.groups import group_counts, rates
from auditkit.bias.outputs.class_rates import CLASS_RATES, by_group, class_counts, class_rates
from auditkit.errors import DataError, UsageError

# Group a: 4 cats of which 3 are seen, 2 dogs of which 1; group b: 2 cats, none seen, 1 bird.
ROWS = [
    *[("a", "cat", "cat")] * 3,
    ("a", "cat", "dog"),
    ("a", "dog", "dog"),
    ("a", "dog", "bird"),
    *[("b", "cat", "bird")] * 2,
    ("b", "bird", "bird"),
]
GROUP, Y, SAID = (np.array(column) for column in zip(*ROWS, strict=True))
LEVELS = ("cat", "dog", "bird")


def random_rows(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.choice(["p", "q", "r", "s"], n)
    said = np.where(rng.uniform(size=n) < 0.6, y, rng.choice(["p", "q", "r", "s"], n))
    return y, said, rng.choice(["a", "b", "c"], n)


def test_recall_precision_and_shares_are_those_of_the_hand():
    counts = class_counts(Y, SAID, GROUP, levels=LEVELS)
    nan = math.nan
    assert counts.table.sum() == 9
    for rate, expected in {
        "recall": [[3 / 4, 1 / 2, nan], [0, nan, 1]],
        "precision": [[1, 1 / 2, 0], [nan, nan, 1 / 3]],
        "share_said": [[3 / 6, 2 / 6, 1 / 6], [0, 0, 1]],
    }.items():
        found = class_rates(counts, rate).to_numpy()
        np.testing.assert_allclose(found, expected, err_msg=rate)


def test_one_shared_class_gives_no_mean_and_says_so():
    found = by_group(class_counts(Y, SAID, GROUP, levels=LEVELS))
    assert found["macro recall"].isna().all()
    assert set(found["reason"]) == {"fewer than two classes have rows in every group"}
    assert found.loc["a", "accuracy"] == pytest.approx(4 / 6)
    assert (found.loc["b", "worst class"], found.loc["b", "its recall"]) == ("cat", 0.0)


def test_groups_are_measured_by_the_classes_that_all_of_them_have():
    rows = [*ROWS, ("b", "dog", "dog")]
    group, y, said = (np.array(column) for column in zip(*rows, strict=True))
    found = by_group(class_counts(y, said, group, levels=LEVELS))
    assert found["macro recall"].tolist() == pytest.approx([(3 / 4 + 1 / 2) / 2, (0 + 1) / 2])


def test_a_class_without_any_row_is_left_out_of_the_mean():
    only = (Y != "bird") & (GROUP == "a")
    counts = class_counts(Y[only], SAID[only], GROUP[only], levels=LEVELS)
    found = by_group(counts)
    assert found.loc["a", "macro recall"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found.loc["a", "low"] < 0.625 < found.loc["a", "high"]


def test_the_worst_class_is_not_sought_among_those_of_few_rows():
    y = np.array(["big"] * 50 + ["small"] * 3)
    said = np.array(["big"] * 40 + ["small"] * 10 + ["big"] * 3)
    found = by_group(class_counts(y, said, np.full(53, "a")), min_group_size=10)
    assert (found.loc["a", "worst class"], found.loc["a", "its recall"]) == ("big", 0.8)
    found = by_group(class_counts(y, said, np.full(53, "a")))
    assert (found.loc["a", "worst class"], found.loc["a", "its recall"]) == ("small", 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_class_against_the_rest_is_the_table_of_group_counts(seed: int):
    y, said, group = random_rows(seed)
    counts = class_counts(y, said, group)
    for name, table in counts.one_vs_rest().items():
        pd.testing.assert_frame_equal(table, group_counts(y == name, said == name, group))


@settings(max_examples=10, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from("xyz")),
        min_size=2,  # fairlearn takes no single row
        max_size=60,
    )
)
def test_rates_of_a_class_are_those_of_metric_frame(rows: list[tuple[str, str, str]]):
    group, y, said = (np.array(column) for column in zip(*rows, strict=True))
    counts = class_counts(y, said, group, levels=("x", "y", "z"))
    for name in counts.levels:
        theirs = MetricFrame(
            metrics={
                "recall": lambda t, p: recall_score(t, p, zero_division=math.nan),
                "precision": lambda t, p: precision_score(t, p, zero_division=math.nan),
                "share_said": lambda t, p: float(np.mean(p)),
            },
            y_true=y == name,
            y_pred=said == name,
            sensitive_features=group,
        ).by_group
        for rate in CLASS_RATES:
            np.testing.assert_allclose(class_rates(counts, rate)[name], theirs[rate].astype(float))
    accuracy = MetricFrame(
        metrics=accuracy_score, y_true=y, y_pred=said, sensitive_features=group
    ).by_group
    np.testing.assert_allclose(by_group(counts)["accuracy"], accuracy.astype(float))


def test_macro_recall_is_scikit_learns_where_each_group_has_each_class():
    y, said, group = random_rows(0, n=600)
    found = by_group(class_counts(y, said, group))
    for name in "abc":
        mine = group == name
        expected = recall_score(y[mine], said[mine], average="macro")
        assert found.loc[name, "macro recall"] == pytest.approx(expected)


def test_numbers_and_missing_groups_are_counted_as_they_are():
    group = pd.Series(["a", None, "a", None])
    counts = class_counts([3, 10, 2, 3], [3, 10, 10, 2], group)
    assert counts.levels == ("2", "3", "10")
    assert counts.groups == ("a", "(missing)")
    assert rates(counts.one_vs_rest()["10"]).loc["(missing)", "accuracy"] == 1.0


@pytest.mark.parametrize(
    ("y", "said", "group", "words"),
    [
        (["x", None], ["x", "y"], ["a", "b"], "y is missing in 1 of 2 rows"),
        (["x", "y"], ["x", "w"], ["a", "b"], "said holds the class 'w', which is none of x, y"),
        (["x", "y"], ["x"], ["a", "b"], "different lengths"),
        ([], [], [], "no rows"),
    ],
)
def test_bad_input_is_named(y: list, said: list, group: list, words: str):
    with pytest.raises(DataError, match=words):
        class_counts(y, said, group, levels=("x", "y"))


def test_an_unknown_rate_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="recall"):
        class_rates(class_counts(Y, SAID, GROUP), "recal")
