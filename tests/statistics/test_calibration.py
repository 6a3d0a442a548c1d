import math

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss

from auditkit.errors import DataError
from auditkit.statistics.calibration import (
    brier,
    brier_skill,
    calibration_error_of_counts,
    expected_calibration_error,
    quantile_bins,
    reliability,
)
from auditkit.statistics.intervals import rate_interval

SCORE = [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]
Y = [0, 0, 1, 0, 1, 1, 0, 1]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_reliability_worked_by_hand() -> None:
    table = reliability(Y, SCORE, bins=2)
    assert list(table.columns) == ["mean_score", "observed", "low", "high", "n"]
    assert table["mean_score"].tolist() == pytest.approx([0.25, 0.75])
    assert table["observed"].tolist() == [0.25, 0.75]
    assert table["n"].tolist() == [4, 4]
    low, high = rate_interval([1, 3], [4, 4])
    assert table["low"].tolist() == low.tolist()
    assert table["high"].tolist() == high.tolist()


def test_bins_are_of_equal_size_and_ties_stay_together() -> None:
    assert np.bincount(quantile_bins(rng().uniform(size=1000), 10)).tolist() == [100] * 10
    tied = np.array([0.2] * 90 + [0.9] * 10)
    assert np.bincount(quantile_bins(tied, 10)).tolist() == [90, 10]
    assert quantile_bins(np.full(5, 0.5), 10).tolist() == [0] * 5
    assert np.bincount(quantile_bins(np.array([0.1, 0.5, 0.9]), 10)).tolist() == [1, 1, 1]


def test_expected_calibration_error_worked_by_hand() -> None:
    estimate, null = expected_calibration_error(Y, SCORE, bins=2, rng=rng())
    assert estimate.value == pytest.approx(0.0, abs=1e-12)
    # Bins of means .25 and .75: gaps of 1/8 and 3/8 below.
    wrong, _ = expected_calibration_error([0] * 7 + [1], SCORE, bins=2, rng=rng())
    assert wrong.value == pytest.approx((0.25 + 0.5) / 2)
    assert null > 0


def test_the_null_is_what_labels_drawn_from_the_scores_give() -> None:
    score = rng(1).beta(0.5, 1.5, size=400)
    _, null = expected_calibration_error(np.zeros(400), score, rng=rng(), draws=2000)
    bins = quantile_bins(score, 10)
    drawn = rng(2).uniform(size=(2000, 400)) < score
    gaps = (drawn - score) @ np.eye(10)[bins]
    eces = np.abs(gaps).sum(axis=1) / 400
    assert null == pytest.approx(eces.mean(), abs=4 * eces.std() / math.sqrt(2000))


def covered(n: int, wrong: float, seed: int, repeats: int = 40) -> tuple[float, float]:
    """How often the interval holds the true error of the bins, and how often it reaches 0."""
    source = rng(seed)
    holds, zeros = 0, 0
    for _ in range(repeats):
        score = source.beta(0.7, 1.5, size=n)
        chance = expit(wrong * logit(np.clip(score, 1e-9, 1 - 1e-9)))
        y = (source.uniform(size=n) < chance).astype(int)
        estimate, _ = expected_calibration_error(y, score, rng=source, draws=80)
        bins = quantile_bins(score, 10)
        truth = np.abs(np.bincount(bins, chance) - np.bincount(bins, score)).sum() / n
        holds += estimate.low - 1e-12 <= truth <= estimate.high
        zeros += estimate.low == 0
    return holds / repeats, zeros / repeats


def test_the_interval_of_a_calibrated_model_reaches_zero() -> None:
    holds, zeros = covered(300, wrong=1.0, seed=3)
    assert holds >= 0.85  # three standard errors below .95
    assert zeros >= 0.85


def test_the_interval_of_a_model_too_sure_of_itself_excludes_zero() -> None:
    holds, zeros = covered(500, wrong=0.4, seed=4)
    assert holds >= 0.85
    assert zeros == 0


def test_the_plain_value_is_biased_and_stands_within_its_interval() -> None:
    score = rng(0).uniform(size=500)
    y = (rng(1).uniform(size=500) < score).astype(int)
    estimate, null = expected_calibration_error(y, score, rng=rng(2))
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.value > 0.01  # although the truth is 0
    assert null == pytest.approx(estimate.value, abs=0.02)


def test_the_same_generator_gives_the_same_interval() -> None:
    one, other = (expected_calibration_error(Y, SCORE, bins=2, rng=rng(7)) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("y", "score"),
    [
        ([1, 1, 1], [1.0, 1.0, 1.0]),
        ([0, 0], [0.0, 0.0]),
        ([1], [0.5]),
        ([0, 0, 0], [1.0, 1.0, 1.0]),
        ([1, 0], [1.0, 0.0]),
    ],
)
def test_extreme_rows_are_measured_without_a_warning(y: list[int], score: list[float]) -> None:
    estimate, null = expected_calibration_error(y, score, rng=rng(), draws=50)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.value == pytest.approx(np.mean(np.abs(np.array(y) - score)))
    assert null >= 0


def test_brier_worked_by_hand_and_by_scikit_learn() -> None:
    assert brier([1, 0], [0.5, 0.25]).value == pytest.approx((0.25 + 0.0625) / 2)
    assert brier([1, 0, 1], [0.5] * 3).value == 0.25
    y, score = rng(0).integers(0, 2, 200), rng(1).uniform(size=200)
    assert brier(y, score).value == pytest.approx(brier_score_loss(y, score))


def test_skill_is_one_for_an_oracle_and_nought_for_the_base_rate() -> None:
    y = np.array([1, 0, 0, 0] * 50)
    assert brier_skill(y, y).value == 1.0
    base = brier_skill(y, np.full(200, 0.25))
    assert base.value == pytest.approx(0.0)
    assert brier_skill(y, 1 - y).value == pytest.approx(1 - 1 / (3 / 16))


def test_the_interval_of_the_skill_covers_it() -> None:
    source = rng(5)
    # Scores uniform and true: Brier E[s(1-s)] = 1/6, base rate 1/2: skill 1 - (1/6)/(1/4) = 1/3.
    found = []
    for _ in range(500):
        score = source.uniform(size=200)
        found.append(brier_skill((source.uniform(size=200) < score).astype(int), score))
    held = np.mean([one.low <= 1 / 3 <= one.high for one in found])
    assert held > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 500)
    assert np.mean([one.high - one.low for one in found]) < 0.25


def test_the_width_of_the_skills_interval_is_right_for_rare_outcomes() -> None:
    source, found = rng(6), []
    for _ in range(400):
        score = source.beta(0.5, 4, size=400)
        found.append(brier_skill((source.uniform(size=400) < score).astype(int), score))
    deviation = np.std([one.value for one in found], ddof=1)
    half = np.mean([(one.high - one.low) / 2 for one in found])
    assert half / 1.966 == pytest.approx(deviation, rel=0.12)


def test_what_cannot_be_measured_is_undefined_with_a_reason() -> None:
    estimate, null = expected_calibration_error([], [], rng=rng())
    assert not estimate.defined
    assert math.isnan(null)
    assert not brier([], []).defined
    assert brier_skill([1, 1], [0.5, 0.5]).reason == "only one class is present"
    assert reliability([], []).empty


def test_scores_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(DataError, match=r"score in row 2 is -0\.1"):
        reliability([0, 1], [0.5, -0.1])
    with pytest.raises(DataError, match=r"y is 0\.5 in row 1"):
        brier([0.5], [0.5])


def test_an_error_from_counts_is_that_of_the_rows():
    rng = np.random.default_rng(3)
    for digits in (1, 2, 6):
        score = np.round(rng.beta(1, 2, 1500), digits)
        y = (rng.random(1500) < score**1.3).astype(int)
        distinct, place = np.unique(score, return_inverse=True)
        came = np.bincount(place, weights=y)
        of_counts, chance = calibration_error_of_counts(
            distinct, came, np.bincount(place) - came, rng=np.random.default_rng(0), draws=400
        )
        of_rows, other = expected_calibration_error(
            y, score, rng=np.random.default_rng(0), draws=400
        )
        assert of_counts.value == pytest.approx(of_rows.value)
        assert of_counts.n == 1500
        assert of_counts.low == pytest.approx(of_rows.low, abs=4e-3)
        assert of_counts.high == pytest.approx(of_rows.high, abs=4e-3)
        assert chance == pytest.approx(other, abs=5e-4)


def test_a_billion_rows_cost_no_more_than_their_scores():
    scores = np.linspace(0.05, 0.95, 10)
    n = np.full(10, 10**8)
    came = np.round(n * (scores + 0.02))
    found, chance = calibration_error_of_counts(
        scores, came, n - came, rng=np.random.default_rng(0), draws=50
    )
    assert found.value == pytest.approx(0.02)
    assert found.low == pytest.approx(found.high, abs=2e-4)
    assert chance < 1e-4


def test_nothing_counted_has_no_error():
    found, _ = calibration_error_of_counts([0.5], [0], [0], rng=np.random.default_rng(0))
    assert not found.defined
