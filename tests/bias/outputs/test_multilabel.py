"""Several labels a row by group: against hands, group_counts and MetricFrame; gaps over labels."""

import math

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from sklearn.metrics import accuracy_score, f1_score, recall_score

from auditkit.bias.groups import RATES, group_counts, rates
from auditkit.bias.outputs.multilabel import label_averages, label_counts, label_gap, label_rates
from auditkit.errors import DataError, UsageError

TRUTH = pd.DataFrame({"sad": [1, 1, 0, 1], "long": [0, 1, 0, 0]})
SAID = pd.DataFrame({"long": [0, 1, 1, 0], "sad": [1, 0, 0, 1]})  # in another order
GROUP = ["a", "a", "b", "b"]


def made(n: int = 2000, *, lost: float = 0.0, seed: int = 0):
    """Three labels; of the second, group b loses a share of those that are there."""
    rng = np.random.default_rng(seed)
    truth = (rng.uniform(size=(n, 3)) < (0.5, 0.3, 0.6)).astype(int)
    group = rng.choice(["a", "b"], n)
    seen = np.where((group == "b")[:, None], (0.8, 0.8 - lost, 0.8), (0.8, 0.8, 0.8))
    said = np.where(truth == 1, rng.uniform(size=(n, 3)) < seen, rng.uniform(size=(n, 3)) < 0.1)
    return truth, said.astype(int), group


def test_rates_and_averages_are_those_of_the_hand():
    counts = label_counts(TRUTH, SAID, GROUP)
    recall = label_rates(counts, "true_positive_rate")
    np.testing.assert_allclose(recall.loc["a", ["sad", "long"]].astype(float), [1 / 2, 1])
    assert recall.loc["b", "sad"] == 1
    assert math.isnan(recall.loc["b", "long"])
    found = label_averages(counts, "true_positive_rate")
    assert found.loc["a", "macro"] == pytest.approx(3 / 4)
    assert found.loc["a", "micro"] == pytest.approx(2 / 3)
    assert (found.loc["a", "worst label"], found.loc["a", "its rate"]) == ("sad", 0.5)
    assert math.isnan(found.loc["b", "macro"])
    assert found.loc["b", "reason"] == "no positives for long"
    assert found["subset accuracy"].tolist() == [0.5, 0.5]
    assert found["its low"].max() < 0.5 < found["its high"].min()


@pytest.mark.parametrize("seed", range(3))
def test_each_label_is_the_table_of_group_counts(seed: int):
    truth, said, group = made(seed=seed)
    counts = label_counts(truth, said, group, labels=["x", "y", "z"])
    for place, name in enumerate(counts.labels):
        expected = group_counts(truth[:, place], said[:, place], group)
        pd.testing.assert_frame_equal(counts.of(name), expected)
        for rate in RATES:
            np.testing.assert_allclose(label_rates(counts, rate)[name], rates(expected)[rate])
    together = group_counts(truth.ravel(), said.ravel(), np.repeat(group, 3))
    np.testing.assert_array_equal(counts.over_labels(), together)


def test_averages_are_scikit_learns_by_group():
    truth, said, group = made()
    found = label_averages(label_counts(truth, said, group), "true_positive_rate")
    subset = MetricFrame(
        metrics=lambda t, p: accuracy_score(np.stack(t), np.stack(p)),
        y_true=pd.Series(list(truth)),
        y_pred=pd.Series(list(said)),
        sensitive_features=group,
    ).by_group
    for name in "ab":
        mine = group == name
        for average in ("macro", "micro"):
            expected = recall_score(truth[mine], said[mine], average=average)
            assert found.loc[name, average] == pytest.approx(expected)
        assert found.loc[name, "subset accuracy"] == pytest.approx(float(subset[name]))
    cells = label_counts(truth, said, group).over_labels().loc["a"]
    f1 = f1_score(truth[group == "a"], said[group == "a"], average="micro")
    assert 2 * cells.tp / (2 * cells.tp + cells.fp + cells.fn) == pytest.approx(f1)


def test_a_planted_gap_is_found_in_its_label():
    truth, said, group = made(lost=0.3)
    counts = label_counts(truth, said, group, labels=["x", "y", "z"])
    gap = label_gap(counts, "true_positive_rate", rng=np.random.default_rng(0))
    assert (gap.name, gap.lowest, gap.highest) == ("y", "b", "a")
    assert gap.estimate.low > 0.15
    assert gap.estimate.high > 0.3
    assert gap.null.p_value < 0.01
    assert "labels" in gap.estimate.method


def test_without_a_gap_intervals_and_p_are_cautious_whatever_the_labels_dependence():
    """The second label repeats the first: drawn apart they count as two, which is too careful."""
    held, small = [], []
    for seed in range(150):
        truth, said, group = made(600, seed=100 + seed)
        truth[:, 1], said[:, 1] = truth[:, 0], said[:, 0]
        gap = label_gap(
            label_counts(truth, said, group), "accuracy", rng=np.random.default_rng(seed), draws=200
        )
        held.append(gap.estimate.low == 0)
        small.append(gap.null.p_value <= 0.05)
    assert np.mean(held) >= 0.94 - 2 * math.sqrt(0.95 * 0.05 / 150)
    assert np.mean(small) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 150)


def test_a_label_nobody_has_is_left_out_by_name():
    truth, said, group = made(200)
    truth[:, 2] = 0
    counts = label_counts(truth, said, group)
    gap = label_gap(counts, "true_positive_rate", rng=np.random.default_rng(0))
    assert gap.left_out == {"2": "no positives"}
    assert gap.name in "01"


@pytest.mark.parametrize(
    ("y_true", "y_pred", "labels", "words"),
    [
        ([[0, 2]], [[0, 1]], None, "y_true holds .*2.* in row 1, label 2"),
        ([[0, 1]], [[0, math.nan]], None, "y_pred holds .*nan.* in row 1, label 2"),
        ([0, 1], [0, 1], None, "y_true has shape"),
        ([[0, 1]], [[0, 1, 1]], None, "y_true has 2 labels, y_pred 3"),
        ([[0, 1]], [[0, 1]], ["x"], "named are 1"),
        ([[0, 1]], [[0, 1]], ["x", "x"], "same name"),
        ([[0, 1], [1, 1]], [[0, 1]], None, "different lengths"),
        (np.zeros((0, 2)), np.zeros((0, 2)), None, "different lengths"),
    ],
)
def test_bad_input_is_named(y_true, y_pred, labels, words: str):
    with pytest.raises(DataError, match=words):
        label_counts(y_true, y_pred, ["a"], labels=labels)


def test_a_frame_without_a_label_is_refused():
    with pytest.raises(DataError, match="y_pred has no column long"):
        label_counts(TRUTH, SAID[["sad"]], GROUP)


def test_what_cannot_be_asked_is_refused():
    counts = label_counts(TRUTH, SAID, GROUP)
    with pytest.raises(UsageError, match="true_positive_rate"):
        label_gap(counts, "true_positive", rng=np.random.default_rng(0))
    with pytest.raises(UsageError, match="draws is 0"):
        label_gap(counts, "accuracy", rng=np.random.default_rng(0), draws=0)
