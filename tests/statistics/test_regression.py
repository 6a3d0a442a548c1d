import math

import numpy as np
import pytest
from scipy.stats import ttest_rel
from sklearn.metrics import r2_score

from auditkit.errors import DataError
from auditkit.statistics import regression

TRUTH = np.array([1.0, 2.0, 3.0, 6.0])  # mean 3, squared distances 4, 1, 0, 9
SAID = np.array([2.0, 2.0, 5.0, 5.0])  # errors 1, 0, 2, -1


def test_each_error_is_worked_by_hand() -> None:
    assert regression.mean_absolute_error(TRUTH, SAID).value == 1.0
    assert regression.root_mean_squared_error(TRUTH, SAID).value == pytest.approx(math.sqrt(1.5))
    assert regression.signed_error(TRUTH, SAID).value == 0.5
    assert regression.r_squared(TRUTH, SAID).value == pytest.approx(1 - 6 / 14)


def test_scikit_learn_gives_the_same_r_squared() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=50)
    said = truth + rng.normal(size=50)
    assert regression.r_squared(truth, said).value == pytest.approx(r2_score(truth, said))


def test_always_giving_the_mean_explains_nothing() -> None:
    found = regression.r_squared(TRUTH, np.full(4, 3.0))
    assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_paired_difference_has_the_interval_of_a_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    truth, a, b = rng.normal(size=(3, 40))
    found = regression.absolute_error_difference(truth, a, b)
    other = ttest_rel(abs(b - truth), abs(a - truth)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((other.low, other.high))


def test_what_is_saved_of_a_guess_s_error_by_hand() -> None:
    # The guess 3 is off by 2, 1, 0, 3: six in all; the model is off by 4 in all.
    found = regression.error_saved(TRUTH, SAID, np.full(4, 3.0), 3.0)
    assert found.value == pytest.approx(1 / 3)
    assert regression.error_saved(TRUTH, TRUTH, np.full(4, 3.0), 3.0).value == 1.0


def test_what_is_saved_knows_no_units() -> None:
    one = regression.error_saved(TRUTH, SAID, np.full(4, 3.0), 3.0)
    metres = regression.error_saved(1000 * TRUTH, 1000 * SAID, np.full(4, 3000.0), 3000.0)
    assert (one.value, one.low, one.high) == pytest.approx((metres.value, metres.low, metres.high))


def test_memorised_numbers_show_as_a_gap_in_units_of_a_guess() -> None:
    # Mean distance of the rows seen from their mean: 6 / 4. Errors: 0 seen, 1 fresh.
    found = regression.overfitting_gap((TRUTH, TRUTH), (TRUTH, SAID))
    assert found.value == pytest.approx(1 / 1.5)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(
    ("figure", "true"),
    [
        (regression.mean_absolute_error, math.sqrt(2 / math.pi)),
        (regression.root_mean_squared_error, 1.0),
        (regression.signed_error, 0.0),
        (regression.r_squared, 0.75),
    ],
)
def test_intervals_cover_what_they_promise_for_normal_errors(figure, true: float) -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(600):
        truth = 2 * rng.normal(size=200)
        found = figure(truth, truth + rng.normal(size=200))
        inside += found.low <= true <= found.high
    assert 0.93 <= inside / 600 <= 0.99


def test_a_signed_error_without_skewness_has_students_interval() -> None:
    # Errors of -2, -1, 1 and 2: mean 0, deviation sqrt(10 / 3), Student's 3.182 of 3 degrees.
    found = regression.signed_error([0, 0, 0, 0], [-2, -1, 1, 2])
    assert found.high == pytest.approx(-found.low)
    assert found.high >= 3.182446 * math.sqrt(10 / 3) / 2


def test_squares_of_few_errors_have_no_interval_and_say_why() -> None:
    rng = np.random.default_rng(1)
    few = regression.root_mean_squared_error(np.zeros(99), rng.normal(size=99))
    assert few.defined
    assert math.isnan(few.low)
    assert math.isnan(few.high)
    assert "fewer than 100 rows" in few.reason
    enough = regression.root_mean_squared_error(np.zeros(100), rng.normal(size=100))
    assert enough.low < enough.value < enough.high
    assert not enough.reason


def test_bins_show_where_the_model_says_too_much() -> None:
    found = regression.by_said([1, 1, 5, 7], [1, 2, 8, 10], bins=2)
    assert found["said"].to_list() == [1.5, 9.0]
    assert found["true"].to_list() == [1.0, 6.0]
    assert found["n"].to_list() == [2, 2]


def test_a_perfect_model_has_no_error_and_nothing_divides_by_it() -> None:
    assert regression.root_mean_squared_error(TRUTH, TRUTH).value == 0
    assert regression.r_squared(TRUTH, TRUTH).high == 1


def test_what_cannot_be_had_says_why() -> None:
    assert regression.r_squared([2, 2], [1, 3]).reason == "all true values are equal"
    assert regression.mean_absolute_error([], []).reason == "there are no rows"
    assert regression.signed_error([], []).reason == "there are no rows"
    single = regression.root_mean_squared_error([1], [2])
    assert math.isnan(single.high)
    assert "single" in single.reason
    gap = regression.overfitting_gap(([1, 1], [1, 1]), ([1, 2], [1, 1]))
    assert "training rows are equal" in gap.reason


def test_one_vast_error_overflows_nothing() -> None:
    truth = np.zeros(100)
    said = np.r_[1e120, np.zeros(99)]
    assert math.isfinite(regression.root_mean_squared_error(truth, said).high)


@pytest.mark.parametrize(
    ("truth", "said", "match"),
    [([1, 2], [1], "one for each row"), ([1, 2], [1, np.nan], "row 2"), ([np.inf], [1], "finite")],
)
def test_what_is_no_number_a_row_is_refused(truth, said, match: str) -> None:
    with pytest.raises(DataError, match=match):
        regression.mean_absolute_error(truth, said)


def test_absolute_errors_are_distances_whichever_way() -> None:
    assert regression.absolute_errors([1, 5], [3, 2]).tolist() == [2, 3]
    with pytest.raises(DataError, match="row 1"):
        regression.absolute_errors([np.nan], [1])
