"""Counts by score: at every threshold they are the counts of the decisions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.bias.groups import group_counts
from auditkit.bias.scores.score_counts import score_counts
from auditkit.errors import DataError, UsageError

rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from([1, 2.0, None]),
        st.integers(0, 1),
        st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(-3, 3)),
    ),
    min_size=1,
    max_size=50,
)


def columns(drawn: list[tuple]) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    frame = pd.DataFrame(drawn, columns=["sex", "ward", "y", "score"])
    return frame["y"].to_numpy(), frame["score"].to_numpy(float), frame[["sex", "ward"]]


@settings(max_examples=30, deadline=None)
@given(drawn=rows, threshold=st.floats(-4, 4), several=st.booleans())
def test_at_any_threshold_they_are_the_counts_of_its_decisions(
    drawn: list[tuple], threshold: float, several: bool
):
    y, score, sensitive = columns(drawn)
    sensitive = sensitive if several else sensitive["sex"]
    counts = score_counts(y, score, sensitive)
    for one in (threshold, *counts.scores):
        pd.testing.assert_frame_equal(counts.at(one), group_counts(y, score >= one, sensitive))


@settings(max_examples=25, deadline=None)
@given(drawn=rows, bins=st.integers(1, 8))
def test_binned_counts_are_exact_at_the_edges_of_bins(drawn: list[tuple], bins: int):
    y, score, sensitive = columns(drawn)
    counts = score_counts(y, score, sensitive, bins=bins)
    assert len(counts.scores) <= bins
    assert np.all(np.diff(counts.scores) > 0)
    for one in counts.scores:
        pd.testing.assert_frame_equal(counts.at(one), group_counts(y, score >= one, sensitive))


def test_four_rows_by_hand():
    counts = score_counts([1, 0, 1, 0], [0.5, 0.5, 0.2, 0.9], ["b", "a", "a", "b"])
    assert counts.groups == ("a", "b")
    np.testing.assert_array_equal(counts.scores, [0.2, 0.5, 0.9])
    np.testing.assert_array_equal(counts.positives, [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(counts.negatives, [[0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(counts.tp, [[1, 0, 0, 0], [1, 1, 0, 0]])
    np.testing.assert_array_equal(counts.rows, [2, 2])
    assert counts.only([1]).groups == ("b",)
    assert counts.only([1]).at(0.5).to_numpy().tolist() == [[1, 1, 0, 0]]


def test_scores_that_are_no_numbers_are_refused_with_their_rows():
    with pytest.raises(DataError, match="missing or infinite in 2 of 3 rows"):
        score_counts([1, 0, 1], [0.5, np.nan, np.inf], ["a", "a", "b"])
    with pytest.raises(DataError, match="no number"):
        score_counts([1, 0], ["high", "low"], ["a", "b"])
    with pytest.raises(DataError, match=r"shape \(2, 1\)"):
        score_counts([1, 0], [[0.5], [0.1]], ["a", "b"])


def test_bad_tables_are_refused():
    with pytest.raises(DataError, match="y_true 3, score 2"):
        score_counts([1, 0, 1], [0.5, 0.1], ["a", "a", "b"])
    with pytest.raises(DataError, match="no rows"):
        score_counts([], [], [])
    with pytest.raises(DataError, match="not 0 and 1"):
        score_counts([1, 2], [0.5, 0.1], ["a", "b"])
    with pytest.raises(UsageError, match="bins is 0"):
        score_counts([1, 0], [0.5, 0.1], ["a", "b"], bins=0)
    with pytest.raises(UsageError, match="NaN"):
        score_counts([1, 0], [0.5, 0.1], ["a", "b"]).at(float("nan"))
