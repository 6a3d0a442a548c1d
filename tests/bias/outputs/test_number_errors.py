"""Numbers by group: errors as by hand and as fairlearn's, and whose rows they are."""

import math

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from scipy.stats import chi2
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from auditkit.bias.outputs.number_errors import (
    MEASURES,
    error_estimates,
    means_by_group,
    number_errors,
)
from auditkit.errors import DataError, UsageError
from auditkit.statistics.ratios import ratio_estimate
from auditkit.statistics.regression import signed_error

THEIRS = {
    "mean_absolute_error": mean_absolute_error,
    "root_mean_squared_error": root_mean_squared_error,
    "signed_error": lambda y, p: float(np.mean(np.asarray(p) - np.asarray(y))),
}


def made(seed: int = 0, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(10, 3, n)
    return truth, truth + rng.standard_t(5, n), rng.choice(["a", "b", "c"], n)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_errors_are_those_of_metric_frame(measure: str, seed: int):
    truth, said, group = made(seed, n=100 * (seed + 1))
    theirs = MetricFrame(
        metrics=THEIRS[measure], y_true=truth, y_pred=said, sensitive_features=group
    ).by_group
    found = error_estimates(number_errors(truth, said, group), measure)
    np.testing.assert_allclose(found["value"], theirs.astype(float))
    assert (found["low"] < found["value"]).all()
    assert (found["value"] < found["high"]).all()
    assert found["n"].sum() == len(truth)


def test_errors_are_measured_by_the_standard_deviation_of_what_is_true():
    errors = number_errors([0, 4, 0, 4], [1, 4, 2, 6], ["a", "a", "b", "b"])
    found = error_estimates(errors, "mean_absolute_error")
    assert found["value"].tolist() == [0.5, 2]
    assert found["deviations"].tolist() == [0.25, 1]  # their deviation is 2


def test_the_interval_of_a_signed_error_is_that_of_its_rows_alone():
    truth, said, group = made()
    found = error_estimates(number_errors(truth, said, group), "signed_error").loc["a"]
    mine = group == "a"
    theirs = signed_error(truth[mine], said[mine])
    assert (found["low"], found["high"]) == pytest.approx((theirs.low, theirs.high))


def test_intervals_of_persons_are_those_of_ratios_of_sums():
    """Cochran's linearised ratio: a person's error summed, over how many rows the person has."""
    rng = np.random.default_rng(1)
    person = rng.integers(0, 30, 400)
    off = rng.normal(size=30)[person] + 0.3 * rng.normal(size=400)
    group = np.where(person % 2 == 0, "a", "b")
    errors = number_errors(np.zeros(400), off, group, clusters=person, unit="person")
    found = error_estimates(errors, "signed_error").loc["a"]
    mine = pd.Series(off[group == "a"]).groupby(person[group == "a"])
    theirs = ratio_estimate(mine.sum(), mine.size())
    assert found["units"] == 15
    assert found["value"] == pytest.approx(theirs.value)
    # Skewness moves an end outwards.
    assert found["low"] == pytest.approx(theirs.low, abs=0.01)
    assert found["high"] >= theirs.high
    alone = error_estimates(number_errors(np.zeros(400), off, group), "signed_error").loc["a"]
    assert found["high"] - found["low"] > 2 * (alone["high"] - alone["low"])


def test_a_person_in_two_groups_counts_in_each():
    errors = number_errors([0.0] * 4, [1.0, 2, 3, 4], ["a", "b", "b", "b"], clusters=[1, 1, 1, 2])
    assert errors.straddling
    assert error_estimates(errors, "signed_error")["units"].tolist() == [1, 2]
    apart = number_errors([0.0] * 4, [1.0, 2, 3, 4], ["a", "b", "b", "b"], clusters=[1, 2, 2, 3])
    assert not apart.straddling


def test_rows_of_nobody_are_one_persons():
    errors = number_errors(np.zeros(5), np.ones(5), ["a"] * 5, clusters=[1, None, None, 2, 2])
    assert error_estimates(errors, "signed_error")["units"].tolist() == [3]
    assert errors.unit == "cluster"


def test_a_single_row_has_a_value_and_no_interval():
    found = error_estimates(number_errors([0.0] * 3, [1, 2, 3], ["a", "b", "b"]), "signed_error")
    assert found.loc["a", "value"] == 1
    assert math.isnan(found.loc["a", "low"])
    assert found.loc["a", "reason"] == "a single row gives no interval"


def test_squares_of_few_rows_have_no_interval_and_say_why():
    rng = np.random.default_rng(0)
    errors = number_errors(np.zeros(60), rng.normal(size=60), ["a", "b"] * 30)
    found = error_estimates(errors, "root_mean_squared_error")
    assert found["value"].notna().all()
    assert found[["low", "high"]].isna().all(axis=None)
    assert "fewer than 100 rows in all" in found.loc["a", "reason"]
    assert error_estimates(errors, "mean_absolute_error")["reason"].eq("").all()


def test_a_large_group_tells_a_small_one_how_long_the_tail_is():
    rng = np.random.default_rng(0)
    small, group = np.abs(rng.normal(size=15)), ["a"] * 15 + ["b"] * 200
    widths = []
    for others in (rng.normal(size=200), np.exp(1.5 * rng.normal(size=200))):
        errors = number_errors(np.zeros(215), np.concatenate([small, others]), group)
        found = error_estimates(errors, "root_mean_squared_error").loc["a"]
        widths.append(found["high"] / found["low"])
    assert widths[1] > 2 * widths[0]


def test_a_model_without_error_is_certain_and_not_undefined():
    errors = number_errors([1.0, 2, 3, 4], [1.0, 2, 3, 4], ["a", "a", "b", "b"])
    for measure in MEASURES:
        assert error_estimates(errors, measure)[["value", "low", "high"]].eq(0).all(axis=None)


def test_intervals_of_positive_errors_stay_above_zero():
    errors = number_errors([0.0] * 3, [0.1, 0.2, 90.0], ["a"] * 3)
    found = error_estimates(errors, "mean_absolute_error").loc["a"]
    assert found["low"] > 0
    # Squared shares of the mean 30.1: of three, their sum over 2, and two standard errors more.
    squares = (np.array([0.1, 0.2, 90]) / 30.1 - 1) ** 2
    freedom = 6 / (squares.sum() / 2 + 2 * squares.std() / math.sqrt(3))
    assert found["high"] == pytest.approx(30.1 * freedom / chi2.ppf(0.025, freedom))


def test_means_by_group_and_the_error_of_all_rows_by_hand():
    errors = number_errors([1.0, 2, 6], [2.0, 4, 3], ["a", "a", "b"])
    assert errors.mean_absolute == 2
    assert means_by_group(errors).to_dict("index") == {
        "a": {"rows": 2, "mean said": 3.0, "mean true": 1.5},
        "b": {"rows": 1, "mean said": 3.0, "mean true": 6.0},
    }


@pytest.mark.parametrize(
    ("truth", "said", "group", "clusters", "words"),
    [
        ([0.0, math.nan], [0, 0], ["a", "b"], None, "truth is nan in row 2"),
        ([0.0, 0], [math.inf, 0], ["a", "b"], None, "said is inf in row 1"),
        ([0.0, 0], [0.0], ["a", "b"], None, "said has shape"),
        ([0.0, 0], [0.0, 0], ["a"], None, "different lengths"),
        ([0.0, 0], [0.0, 0], ["a", "b"], [1], "clusters has 1 rows, truth 2"),
        ([], [], [], None, "no rows"),
    ],
)
def test_bad_input_is_named(truth, said, group, clusters, words: str):
    with pytest.raises(DataError, match=words):
        number_errors(truth, said, group, clusters=clusters)


def test_an_unknown_measure_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="mean_absolute_error"):
        error_estimates(number_errors([0.0], [1.0], ["a"]), "absolute_error")
