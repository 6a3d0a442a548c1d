"""The sweep over thresholds is what fairlearn says at each of them."""

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)

from auditkit.bias.bootstrap import tukey
from auditkit.bias.disparity import disparity
from auditkit.bias.scores import thresholds as room
from auditkit.bias.scores.score_counts import ScoreCounts, score_counts
from auditkit.bias.scores.thresholds import threshold_sweep
from auditkit.errors import UsageError
from auditkit.statistics.intervals import difference_interval

FAIRLEARN = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
}


def scored(n: int, *, shift: float, groups: int = 3, seed: int = 0) -> tuple:
    rng = np.random.default_rng(seed)
    group = rng.choice(list("abcdef")[:groups], n)
    y = rng.integers(2, size=n)
    score = np.round(rng.normal(size=n) + y + shift * (group == "a"), 2)
    return y, score, group


def swept(counts: ScoreCounts, **options):
    return threshold_sweep(counts, rng=np.random.default_rng(0), **options)


def test_at_every_threshold_it_is_fairlearn():
    y, score, group = scored(300, shift=0.5)
    found = swept(score_counts(y, score, group), points=None, draws=20)
    thresholds = found["selection_rate"].gaps["threshold"]
    assert list(thresholds) == list(np.unique(score))
    for place in range(0, len(thresholds), 17):
        decided = (score >= thresholds[place]).astype(int)
        frame = MetricFrame(metrics=FAIRLEARN, y_true=y, y_pred=decided, sensitive_features=group)
        for name in FAIRLEARN:
            assert found[name].gaps["gap"][place] == pytest.approx(frame.difference()[name])
            assert list(found[name].rates.iloc[place]) == pytest.approx(
                list(frame.by_group[name].astype(float))
            )


def test_few_thresholds_are_some_of_all_and_the_one_in_force_is_among_them():
    counts = score_counts(*scored(500, shift=0.3))
    every = swept(counts, points=None, include=0.505, draws=20)["true_positive_rate"].gaps
    few = swept(counts, points=12, include=0.505, draws=20)["true_positive_rate"].gaps
    assert 8 <= len(few) <= 14
    assert 0.505 in set(few["threshold"])
    both = few.merge(every, on="threshold", suffixes=("", "_all"))
    assert len(both) >= 6
    for column in ("gap", "low", "high"):
        np.testing.assert_allclose(both[column], both[f"{column}_all"])


def test_its_interval_is_that_of_the_disparity_where_tukey_is_in_force():
    counts = score_counts(*scored(900, shift=0.8))
    line = swept(counts, include=0.7, draws=20)["selection_rate"].gaps.set_index("threshold")
    gap = disparity(counts.at(0.7), "demographic_parity", rng=np.random.default_rng(0), draws=1)
    assert gap.critical >= 2.34  # of three groups
    assert line.loc[0.7, "gap"] == pytest.approx(gap.estimate.value)
    if gap.critical < 2.35:
        assert line.loc[0.7, "low"] == pytest.approx(gap.estimate.low, abs=2e-3)
        assert line.loc[0.7, "high"] == pytest.approx(gap.estimate.high, abs=2e-3)


def test_chance_is_that_of_shuffled_rows():
    y, score, group = scored(240, shift=0.0, groups=4)
    rng = np.random.default_rng(5)
    gaps = []
    for _ in range(600):
        mixed = rng.permutation(group[y == 1])
        chosen = score[y == 1] >= 1.0
        rates = [chosen[mixed == one].mean() for one in np.unique(group)]
        gaps.append(max(rates) - min(rates))
    line = swept(score_counts(y, score, group), include=1.0, draws=1000)["true_positive_rate"]
    chance = line.gaps.set_index("threshold").loc[1.0, "chance"]
    assert chance == pytest.approx(np.mean(gaps), abs=4 * np.std(gaps) / 24)


def test_the_widest_gap_of_all_thresholds_has_a_null_of_its_own():
    silent = [
        swept(score_counts(*scored(200, shift=0.0, seed=seed)), draws=60)["selection_rate"]
        for seed in range(80)
    ]
    assert np.mean([one.widest.p_value <= 0.05 for one in silent]) < 0.14
    assert np.mean([one.widest.mean > one.gaps["chance"].max() for one in silent]) == 1
    planted = swept(score_counts(*scored(800, shift=1.0)))["selection_rate"]
    assert planted.widest.p_value < 0.01
    assert planted.widest_line()["highest"] == "a"


def test_at_a_threshold_below_and_above_all_scores_there_is_no_gap():
    counts = score_counts(*scored(300, shift=1.0))
    low, high = (swept(counts, include=edge, draws=5)["selection_rate"] for edge in (-9.0, 9.0))
    assert low.gaps["gap"].iloc[0] == 0
    assert list(low.rates.iloc[0]) == [1, 1, 1]
    assert high.gaps["gap"].iloc[-1] == 0
    assert list(high.rates.iloc[-1]) == [0, 0, 0]
    assert high.gaps["high"].iloc[-1] > 0  # which is not to know that there is none


def test_small_groups_are_left_out_by_name_and_one_group_has_no_gap():
    y, score, group = scored(60, shift=0.0, groups=2)
    group = np.array(["tiny"] * 3 + list(group[3:]))
    found = swept(score_counts(y, score, group))
    assert found["selection_rate"].left_out == {"tiny": "fewer than 10 rows"}
    one = swept(score_counts(y, score, ["a"] * 60))["selection_rate"]
    assert one.gaps.empty
    assert "needs two" in one.reason


def test_bad_requests_are_refused():
    counts = score_counts(*scored(60, shift=0.0))
    with pytest.raises(UsageError, match="points is 1"):
        swept(counts, points=1)
    with pytest.raises(UsageError, match="NaN"):
        swept(counts, include=float("nan"))
    with pytest.raises(UsageError, match="confidence"):
        swept(counts, confidence=1.0)


def test_one_in_twenty_of_the_widest_gaps_by_chance_lies_beyond_the_upper_point():
    null = room._null_of(np.arange(101) / 100, 0.5)
    assert null.upper == pytest.approx(0.95)
    assert null.p_value == pytest.approx(52 / 102)  # 51 of 101 at least as wide, one added to both


def test_a_small_group_is_not_compared_with_itself():
    # Half of 12 and half of 1,200: the gap is 0, its upper end that of these two.
    group = np.repeat(["a", "b", "c"], [1200, 12, 1200])
    score = np.tile([0.2, 0.8], 1206)
    here = swept(score_counts(np.zeros(2412, int), score, group), include=0.5)["selection_rate"]
    low, high = difference_interval(6, 12, 600, 1200, tukey((3,), 0.95))
    assert here.at(0.5).estimate.high == pytest.approx(max(-float(low), float(high)))
