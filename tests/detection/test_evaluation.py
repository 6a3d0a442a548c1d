import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from auditkit.detection.evaluation import (
    accuracy,
    answered,
    at_prevalence,
    auc,
    average_precision,
    balanced_accuracy,
    by_group,
    calibration_error,
    certainty,
    equal_error_rate,
    false_alarms,
    found_share,
    positive_predictive_value,
    risk_coverage,
    share_of,
    tpr_at_fpr,
)
from auditkit.detection.evaluation.by_original import running_mean, variance_of
from auditkit.errors import DataError, UsageError
from auditkit.statistics.classification import auc as auc_of_rows
from auditkit.statistics.estimate import Estimate

Figure = Callable[..., Estimate]
RANKINGS: tuple[Figure, ...] = (auc, average_precision, equal_error_rate, tpr_at_fpr)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ranking(figure: Figure, *columns: np.ndarray) -> Estimate:
    needs_draws = figure in (equal_error_rate, tpr_at_fpr)
    return figure(*columns, **({"rng": rng()} if needs_draws else {}))


def corpus(n: int, seed: int = 0, shift: float = 1.2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of one decimal (so that some tie), which are fake, and one of n / 3 originals."""
    draw = rng(seed)
    fake = draw.random(n) < 0.4
    return np.round(draw.normal(size=n) + shift * fake, 1), fake, draw.integers(0, n // 3, n)


@pytest.mark.parametrize("seed", range(4))
def test_rankings_are_what_scikit_learn_says(seed: int) -> None:
    score, fake, original = corpus(500, seed)
    false, true, _ = roc_curve(fake, score, drop_intermediate=False)
    crossing = brentq(lambda x: x - 1 + np.interp(x, false, true), 0, 1)
    expected = (
        roc_auc_score(fake, score),
        average_precision_score(fake, score),
        crossing,
        true[false <= 0.01].max(),
    )
    found = [ranking(one, score, fake, original) for one in RANKINGS]
    assert_allclose([one.value for one in found], expected, atol=1e-9)
    assert all(one.low < one.value < one.high for one in found)


def test_an_equal_error_rate_by_hand() -> None:
    # Reals 1 2 3 4, fakes 3.5 5 6 7: above 3.2 one of four reals, below it no fake; above 3.7
    # one real and one fake is missed: a quarter of either.
    score = np.array([1, 2, 3, 4, 3.5, 5, 6, 7])
    fake = np.arange(8) >= 4
    assert equal_error_rate(score, fake, np.arange(8), rng=rng()).value == 0.25


def test_an_area_of_rows_that_stand_alone_is_delongs() -> None:
    score, fake, _ = corpus(900)
    ours, plain = auc(score, fake, np.arange(900)), auc_of_rows(fake, expit(score))
    assert_allclose([ours.low, ours.high], [plain.low, plain.high], atol=2e-4)  # Student's t


def test_copies_of_an_image_make_no_interval_narrower() -> None:
    score, fake, _ = corpus(200)
    original = np.arange(200)
    ten = [np.repeat(one, 10) for one in (score, fake, original)]
    for figure in (auc, average_precision, equal_error_rate):
        once, copied = ranking(figure, score, fake, original), ranking(figure, *ten)
        assert_allclose(once.value, copied.value, atol=1e-9)
        assert copied.high - copied.low > 0.95 * (once.high - once.low)
    called, copied_calls = score > 0.6, ten[0] > 0.6
    for rate in (accuracy, balanced_accuracy, false_alarms, found_share):
        once = rate(called, fake, original)
        copied = rate(copied_calls, *ten[1:])
        assert_allclose([once.low, once.high], [copied.low, copied.high], atol=0.003)


@pytest.mark.parametrize("figure", RANKINGS)
def test_perfect_separation_is_no_certainty(figure: Figure) -> None:
    score = np.concatenate([np.linspace(0, 1, 120), np.linspace(2, 3, 120)])
    found = ranking(figure, score, score > 1.5, np.arange(240))
    assert found.value == (0 if figure is equal_error_rate else 1)
    assert 0.02 < found.high - found.low < 0.06
    few = ranking(figure, score, score > 1.5, np.arange(240) // 2)
    assert few.high - few.low > 1.5 * (found.high - found.low) or not few.defined


@pytest.mark.parametrize("figure", [auc, equal_error_rate])
def test_a_score_that_says_the_same_of_all_is_at_chance(figure: Figure) -> None:
    fake = np.arange(40) % 2 == 0
    found = ranking(figure, np.ones(40), fake, np.arange(40))
    assert found.value == 0.5
    assert found.low < 0.4 < 0.6 < found.high
    assert average_precision(np.ones(40), fake, np.arange(40)).value == 0.5


@pytest.mark.parametrize("figure", RANKINGS)
@pytest.mark.parametrize("fake", [np.zeros(9, bool), np.ones(9, bool), np.zeros(0, bool)])
def test_one_class_has_no_ranking(figure: Figure, fake: np.ndarray) -> None:
    found = ranking(figure, np.arange(len(fake)), fake, np.arange(len(fake)))
    assert math.isnan(found.value)
    assert found.reason == "only one class is present"


def test_images_of_one_original_say_next_to_nothing() -> None:
    score, fake, _ = corpus(60)
    for figure in (auc, average_precision, equal_error_rate):
        found = ranking(figure, score, fake, np.zeros(60))
        assert found.defined
        assert found.high - found.low > 0.9


def test_one_real_image_of_a_hundred_may_lie_above_a_threshold_of_one_in_a_hundred():
    score = [*range(100), 98.5, 97.5]  # beyond the second of the real ones, and not
    fake = [False] * 100 + [True] * 2
    assert tpr_at_fpr(score, fake, np.arange(102), rng=rng()).value == 0.5
    assert tpr_at_fpr(score, fake, np.arange(102), rng=rng(), level=0.02).value == 1


def test_a_rare_false_alarm_needs_as_many_originals() -> None:
    score, fake, _ = corpus(600)
    found = tpr_at_fpr(score, fake, np.arange(600) % 99, rng=rng())
    assert math.isnan(found.value)
    assert "99 originals are too few to see a false alarm in 100" in found.reason
    assert tpr_at_fpr(score, fake, np.arange(600) % 99, rng=rng(), level=0.05).defined
    assert tpr_at_fpr(score, fake, np.arange(600) % 100, rng=rng()).defined


def test_what_a_row_moves_a_figure_by_is_what_leaving_it_out_moves() -> None:
    score, fake, _ = corpus(400, shift=1.0)
    value, influence = running_mean(score, fake, fake)
    assert_allclose(influence.sum(), 0, atol=1e-12)
    left_out = [average_precision_score(np.delete(fake, i), np.delete(score, i)) for i in range(60)]
    assert_allclose(influence[:60], value - np.array(left_out), atol=2e-4)


def test_a_variance_is_of_whole_originals() -> None:
    # Two originals that move by +2 and -2: 8 times n / (n - 1) = 2.
    assert variance_of(np.array([1.0, 1.0, -1.0, -1.0]), np.array([0, 0, 1, 1])) == 16


def test_calls_by_hand() -> None:
    called = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], bool)
    fake = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    alone = np.arange(10)
    assert accuracy(called, fake, alone).value == 0.8
    assert found_share(called, fake, alone).value == 0.75
    assert_allclose(false_alarms(called, fake, alone).value, 1 / 6)
    assert_allclose(balanced_accuracy(called, fake, alone).value, (0.75 + 5 / 6) / 2)
    said = np.where(np.arange(10) == 3, "abstain", np.where(called, "fake", "real"))
    said[9] = "abstain"
    found = answered(said, fake, alone)
    assert found.answered.value == 0.8
    assert found.missed.value == 0
    assert found.found.value == 0.75
    assert found.accuracy.value == 0.875
    assert_allclose(found.balanced_accuracy.value, (1 + 0.8) / 2)
    assert found.false_alarms.n == 6


def test_groups_are_answered_apart_and_rows_without_one_left_out() -> None:
    said = np.array(["fake", "real", "abstain", "real", "fake"])
    fake = np.array([True, False, False, True, False])
    group = np.array(["b", "b", "a", "a", None], dtype=object)
    found = by_group(said, fake, np.arange(5), group)
    assert list(found) == ["a", "b"]
    assert found["a"].answered.value == 0.5
    assert found["b"].accuracy.value == 1
    assert math.isnan(found["a"].balanced_accuracy.value)


def test_a_share_without_rows_is_undefined() -> None:
    assert not false_alarms([True], [True], [0]).defined
    assert not share_of([], []).defined
    assert "no such images" in share_of([], []).reason


def rate(value: float, n: int) -> Estimate:
    return share_of(np.arange(n) < round(value * n), np.arange(n))


def test_one_call_in_six_is_right_where_one_image_in_a_hundred_is_made() -> None:
    found = positive_predictive_value(rate(0.95, 1000), rate(0.05, 1000), (0.01, 0.5))
    assert_allclose(found[0.01].value, 0.95 * 0.01 / (0.95 * 0.01 + 0.05 * 0.99))
    assert round(found[0.01].value, 2) == 0.16
    assert 0.12 < found[0.01].low < 0.14 < 0.19 < found[0.01].high < 0.22
    assert_allclose(found[0.5].value, 0.95)


def test_a_call_is_worth_more_where_fakes_are_common() -> None:
    found = positive_predictive_value(rate(0.9, 200), rate(0.0, 200))
    values = [(one.low, one.value, one.high) for one in found.values()]
    assert [value for _, value, _ in values] == [1.0] * len(values)  # no false alarm was seen
    lows = [low for low, _, _ in values]
    assert lows == sorted(lows)
    assert lows[0] < 0.1  # and yet of 1 in 1,000 nothing is known


def test_a_detector_that_never_calls_has_no_worth() -> None:
    found = positive_predictive_value(rate(0.0, 50), rate(0.0, 50), (0.1,))[0.1]
    assert math.isnan(found.value)
    assert found.reason == "no image is called so"
    none = positive_predictive_value(share_of([], []), rate(0.1, 50), (0.1,))[0.1]
    assert "no such images" in none.reason
    with pytest.raises(UsageError, match="prevalence is 0"):
        positive_predictive_value(rate(0.5, 10), rate(0.5, 10), (0,))


def test_odds_move_with_the_share_of_fakes() -> None:
    assert_allclose(at_prevalence([0.5, 0.95], 0.01), [0.01, 0.95 / (0.95 + 0.05 * 99)])
    assert_allclose(at_prevalence([0.0, 1.0], 0.3), [0, 1], atol=1e-8)


def test_a_probability_for_a_half_is_not_blamed_for_a_test_of_few_fakes() -> None:
    draw = rng(3)
    fake = draw.random(6000) < 0.1
    score = draw.normal(size=6000) + 2 * fake
    honest = expit(2 * score - 2)  # of N(0, 1) and N(2, 1), as many of each
    found, chance = calibration_error(honest, fake, np.arange(6000), rng=rng())
    assert found.value < 1.5 * chance
    assert found.low == 0
    boastful, _ = calibration_error(expit(6 * score - 6), fake, np.arange(6000), rng=rng())
    assert boastful.low > 0.01
    twice, _ = calibration_error(
        *(np.repeat(one, 5) for one in (honest, fake, np.arange(6000))), rng=rng()
    )
    assert twice.low == 0  # five copies of each prove nothing more


def test_risk_and_coverage_by_hand() -> None:
    found = risk_coverage([4, 3, 2, 1], [False, True, False, True], np.arange(4))
    assert_allclose(found.curve["coverage"], [0.25, 0.5, 0.75, 1])
    assert_allclose(found.curve["risk"], [0, 1 / 2, 1 / 3, 1 / 2])
    assert_allclose(found.curve["oracle"], [0, 0, 1 / 3, 1 / 2])
    assert_allclose(found.area.value, (0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert (found.random, found.oracle) == (0.5, (1 / 3 + 1 / 2) / 4)


def test_certainty_that_tells_nothing_buys_nothing() -> None:
    wrong = rng(4).random(2000) < 0.2
    lot = risk_coverage(rng(5).random(2000), wrong, np.arange(2000))
    assert lot.area.low < lot.random < lot.area.high
    constant = risk_coverage(np.ones(2000), wrong, np.arange(2000))
    assert constant.area.value == constant.random
    assert len(constant.curve) == 1
    best = risk_coverage(-wrong.astype(float) - rng(6).random(2000) / 9, wrong, np.arange(2000))
    assert_allclose(best.area.value, best.oracle, atol=1e-12)
    # Geifman's least area for a risk r of very many rows: r + (1 - r) ln(1 - r).
    risk = wrong.mean()
    assert_allclose(best.oracle, risk + (1 - risk) * np.log(1 - risk), atol=2e-4)


def test_images_without_an_answer_are_the_least_sure() -> None:
    sure = certainty([0.5, 0.99, 0.6], [True, False, True])
    assert sure.argmin() == 1
    assert_allclose(sure[[0, 2]], [0, 0.1])
    nothing = risk_coverage([], [], [])
    assert not nothing.area.defined
    assert nothing.curve.empty


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="one value an image"):
        auc([0.1, 0.2], [True], [0, 1])
    with pytest.raises(DataError, match="score in row 2 is no number"):
        average_precision([0.1, np.nan], [True, False], [0, 1])
    with pytest.raises(DataError, match="'maybe'"):
        answered(["maybe"], [True], [0])
    with pytest.raises(DataError, match="NaN"):
        risk_coverage([np.nan], [True], [0])
    with pytest.raises(DataError, match="outside 0 to 1"):
        calibration_error([1.5, 0.1], [True, False], [0, 1], rng=rng())
    with pytest.raises(UsageError, match="level is 1"):
        tpr_at_fpr([0.1, 0.2], [True, False], [0, 1], rng=rng(), level=1)
