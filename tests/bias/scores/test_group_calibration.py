"""Calibration within groups: by hand, against the science of one group, planted and by chance."""

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.scores.group_calibration import excess_moments, group_calibration
from auditkit.bias.scores.score_counts import ScoreCounts, score_counts
from auditkit.errors import DataError
from auditkit.statistics.calibration import expected_calibration_error
from auditkit.statistics.intervals import rate_interval


def scored(sizes: dict[str, int], excess: dict[str, float] | None = None, *, seed: int = 0):
    """Scores that are right on average in each group, but for its excess."""
    rng = np.random.default_rng(seed)
    group = np.repeat(list(sizes), list(sizes.values()))
    chance = rng.beta(2, 3, len(group))
    y = (rng.random(len(group)) < chance).astype(int)
    added = np.array([(excess or {}).get(one, 0.0) for one in group])
    return y, np.clip(chance + added, 0, 1), group


def measured(counts: ScoreCounts, **options):
    options = {"rng": np.random.default_rng(0), "draws": 200, "error_draws": 20} | options
    return group_calibration(counts, **options)


def test_six_rows_by_hand():
    counts = score_counts(
        [1, 0, 0, 1, 1, 0], [0.9, 0.5, 0.1, 0.4, 0.4, 0.4], ["a", "a", "a", "b", "b", "b"]
    )
    mean, variance = excess_moments(counts)
    np.testing.assert_allclose(mean, [1.5 / 3 - 1 / 3, 0.4 - 2 / 3])
    np.testing.assert_allclose(variance[1], 2 / 9)
    found = measured(counts, min_group_size=1)
    assert found.gap.estimate.value == pytest.approx(1.5 / 3 - 1 / 3 - 0.4 + 2 / 3)
    assert (found.gap.highest, found.gap.lowest) == ("a", "b")
    assert found.table.loc["a", "mean_score"] == pytest.approx(0.5)
    assert found.table.loc["b", "observed"] == pytest.approx(2 / 3)


def test_values_are_those_of_a_group_by_in_pandas():
    y, score, group = scored({"a": 300, "b": 80, "c": 40})
    found = measured(score_counts(y, score, group)).table
    frame = pd.DataFrame({"y": y, "s": score, "g": group}).groupby("g").mean()
    np.testing.assert_allclose(found["mean_score"], frame["s"])
    np.testing.assert_allclose(found["observed"], frame["y"])
    np.testing.assert_allclose(found["excess"], frame["s"] - frame["y"])


def test_the_error_within_a_group_is_that_of_its_rows_alone():
    y, score, group = scored({"a": 700, "b": 120})
    found = measured(score_counts(y, score, group), error_draws=50).table
    for name, bins in (("a", 10), ("b", 2)):
        own = group == name
        alone, _ = expected_calibration_error(
            y[own], score[own], rng=np.random.default_rng(0), bins=bins, draws=50
        )
        assert found.loc[name, "error"] == pytest.approx(alone.value)
        assert found.loc[name, "error_low"] <= alone.value <= found.loc[name, "error_high"]
        assert 0 < found.loc[name, "chance"] < 0.2


def test_a_group_that_is_promised_too_much_is_found():
    y, score, group = scored({"a": 2000, "b": 2000, "c": 500}, {"b": 0.1})
    found = measured(score_counts(y, score, group))
    assert found.gap.highest == "b"
    assert found.gap.estimate.low > 0.03
    assert found.gap.estimate.low < 0.1 < found.gap.estimate.high
    assert found.gap.null.p_value == pytest.approx(1 / 201)
    assert found.table.loc["b", "low"] > 0 > found.table.loc["a", "low"]


def test_the_same_fault_in_all_groups_is_no_gap():
    y, score, group = scored({"a": 1500, "b": 1500}, {"a": 0.1, "b": 0.1}, seed=1)
    found = measured(score_counts(y, score, group))
    assert found.gap.estimate.low == 0
    assert found.gap.null.p_value > 0.05
    assert (found.table["low"] > 0).all()


def test_intervals_hold_and_chance_is_as_often_as_it_says():
    held, gaps, ps = [], [], []
    for seed in range(80):
        counts = score_counts(*scored({"a": 30, "b": 60, "c": 200}, seed=seed))
        found = measured(counts, draws=60, error_draws=1)
        held.append((found.table["low"] <= 0) & (found.table["high"] >= 0))
        gaps.append(found.gap.estimate.low == 0)
        ps.append(found.gap.null.p_value)
    assert np.mean(held) > 0.92
    assert np.mean(gaps) > 0.92
    assert 0 < np.mean(np.array(ps) <= 0.05) < 0.14


def test_the_null_is_that_of_rows_whose_groups_are_shuffled():
    y, score, group = scored({"a": 100, "b": 40, "c": 40}, {"c": 0.2})
    wrong = pd.Series(score - y)
    rng = np.random.default_rng(1)
    gaps = [np.ptp(wrong.groupby(rng.permutation(group)).mean()) for _ in range(400)]
    null = measured(score_counts(y, score, group), draws=2000).gap.null
    assert null.mean == pytest.approx(np.mean(gaps), abs=4 * np.std(gaps) / 20)


def test_a_group_in_which_nothing_came_true_keeps_its_doubt():
    y = [0] * 20 + [1, 0] * 20
    found = measured(score_counts(y, [0.02] * 20 + [0.5] * 40, ["a"] * 20 + ["b"] * 40))
    line = found.table.loc["a"]
    assert line["excess"] == pytest.approx(0.02)
    assert line["low"] < -0.1
    assert np.isfinite(found.gap.estimate.high)


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(DataError, match=r"run from -1 to 2"):
        measured(score_counts([1, 0], [-1.0, 2.0], ["a", "b"]))


def test_one_group_has_no_gap_but_its_own_line():
    y, score, group = scored({"a": 60, "tiny": 3})
    found = measured(score_counts(y, score, group))
    assert np.isnan(found.gap.estimate.value)
    assert "1 group" in found.gap.estimate.reason
    assert found.left_out == {"tiny": "fewer than 10 rows"}
    assert list(found.table.index) == ["a"]


def test_a_row_is_worth_what_two_rows_more_leave_of_its_variance():
    scores, came = np.array([0.1, 0.2, 0.4, 0.7, 0.9, 0.9]), np.array([0, 0, 1, 0, 1, 1])
    counts = score_counts(np.tile(came, 2), np.tile(scores, 2), np.repeat(["a", "b"], 6))
    off, promised = scores - came, scores.mean()
    spread = np.sum((np.append(off, [promised - 1, promised]) - off.mean()) ** 2) / 8
    worth = (4 / 8) * (4 / 8) / spread
    table = measured(counts, min_group_size=1).table
    low, high = rate_interval(3 * worth, 6 * worth)
    assert table["low"].tolist() == pytest.approx([promised - float(high)] * 2)
    assert table["high"].tolist() == pytest.approx([promised - float(low)] * 2)
