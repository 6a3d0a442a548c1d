"""The same numbers as fairlearn, wherever both are defined."""

import math

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equalized_odds_difference,
    equalized_odds_ratio,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
    true_negative_rate,
    true_positive_rate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score

from auditkit.bias.disparity import disparity
from auditkit.bias.groups import group_counts, rates


def precision(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(precision_score(y_true, y_pred, zero_division=0.0))


METRICS = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "true_negative_rate": true_negative_rate,
    "false_negative_rate": false_negative_rate,
    "precision": precision,
    "accuracy": accuracy_score,
}

rows = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 1), st.integers(0, 1)),
    min_size=2,
    max_size=60,
).filter(lambda rows: len({y for _, y, _ in rows}) == len({p for _, _, p in rows}) == 2)


@settings(max_examples=20, deadline=None)
@given(rows=rows)
def test_rates_and_gaps_are_those_of_metric_frame(rows: list[tuple[str, int, int]]) -> None:
    group, y, p = (np.array(column) for column in zip(*rows, strict=True))
    counts = group_counts(y, p, group)
    ours = rates(counts)
    theirs = MetricFrame(metrics=METRICS, y_true=y, y_pred=p, sensitive_features=group)
    gap, ratio = theirs.difference(method="between_groups"), theirs.ratio(method="between_groups")
    for name in METRICS:
        defined = ours[name].notna()
        assert ours[name][defined].tolist() == pytest.approx(
            theirs.by_group[name][defined].astype(float).tolist()
        )
        for comparison, expected in (("difference", gap[name]), ("ratio", ratio[name])):
            rng = np.random.default_rng(0)
            found = disparity(counts, name, comparison=comparison, rng=rng, draws=5).estimate
            if defined.all() and len(counts) > 1 and not math.isnan(expected):
                assert found.value == pytest.approx(expected)
            else:
                assert not found.defined
                assert found.reason


def test_disparities_are_fairlearns() -> None:
    rng = np.random.default_rng(3)
    group = rng.choice(["a", "b", "c", "d"], 4000)
    y, p = rng.integers(0, 2, (2, 4000))
    counts = group_counts(y, p, group)
    for name, comparison, theirs in (
        ("demographic_parity", "difference", demographic_parity_difference),
        ("demographic_parity", "ratio", demographic_parity_ratio),
        ("equal_opportunity", "difference", equal_opportunity_difference),
        ("equalized_odds", "difference", equalized_odds_difference),
        ("equalized_odds", "ratio", equalized_odds_ratio),
    ):
        found = disparity(counts, name, comparison=comparison, rng=rng, draws=20)
        assert found.estimate.value == pytest.approx(theirs(y, p, sensitive_features=group))
