"""A slice against all other rows: equal to what scipy says, and right where rows are alike."""

import numpy as np
import pytest
from scipy import stats

from auditkit.bias.subgroups.confirmation import outside_contrasts
from auditkit.statistics import skewness
from auditkit.statistics.intervals import difference_interval


def test_two_rates_worked_out_by_hand():
    # 3 of 4 within, 1 of 6 outside. Fisher: P(X >= 3) = (4 * 6 + 1) / 210 with X of 4 of 10.
    met = np.array([[True] * 4 + [False] * 6])
    loss = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0.0])
    line = outside_contrasts(met, loss, None, confidence=0.95).iloc[0]
    assert line["n"] == 4
    assert (line["rate"], line["outside"]) == (0.75, pytest.approx(1 / 6))
    assert line["p"] == pytest.approx(2 * 25 / 210)
    low, high = difference_interval(3, 4, 1, 6, stats.norm.ppf(0.975))
    assert (line["low"], line["high"]) == (pytest.approx(float(low)), pytest.approx(float(high)))


def test_means_of_losses_that_are_not_skewed_equal_welchs_test(monkeypatch):
    monkeypatch.setattr(skewness, "DOUBTED", 0.0)
    rng = np.random.default_rng(0)
    half, met = rng.normal(size=100), rng.random((3, 100)) < 0.3
    loss, met = np.concatenate([half, -half]), np.concatenate([met, met], axis=1)
    table = outside_contrasts(met, loss, None, confidence=0.9)
    for one, line in zip(met, table.to_dict("records"), strict=True):
        test = stats.ttest_ind(loss[one], loss[~one], equal_var=False)
        interval = test.confidence_interval(0.9)
        assert line["p"] == pytest.approx(test.pvalue)
        assert (line["low"], line["high"]) == pytest.approx((interval.low, interval.high))


def test_limits_of_skewed_losses_are_halls(monkeypatch):
    monkeypatch.setattr(skewness, "DOUBTED", 0.0)
    rng = np.random.default_rng(4)
    met, loss = rng.random((1, 200)) < 0.3, rng.exponential(size=200)
    line = outside_contrasts(met, loss, None, confidence=0.95).iloc[0]
    a, b = loss[met[0]], loss[~met[0]]
    error = (a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)) ** 0.5
    skew = stats.moment(a, 3) / len(a) ** 2 - stats.moment(b, 3) / len(b) ** 2
    skew /= error**3
    for name, sign in (("low", 1), ("high", -1)):
        # At its limit, the transformed distance is Student's critical value.
        x = (line["difference"] - line[name]) / error
        moved = x + skew * x**2 / 3 + skew**2 * x**3 / 27 + skew / 6
        welch = stats.ttest_ind(a, b, equal_var=False)
        assert moved == pytest.approx(sign * stats.t.ppf(0.975, welch.df))


def test_intervals_of_skewed_losses_miss_on_both_sides_alike():
    rng, low, high = np.random.default_rng(5), 0, 0
    met = (np.arange(1000) < 100)[None]
    for _ in range(1000):
        line = outside_contrasts(met, rng.exponential(size=1000), None, confidence=0.95).iloc[0]
        low, high = low + (line["low"] > 0), high + (line["high"] < 0)
    assert 10 < low < 42
    assert 10 < high < 45


def test_a_slice_of_no_rows_is_undefined():
    table = outside_contrasts(np.zeros((1, 5), bool), np.arange(5.0), None, confidence=0.95)
    assert table[["rate", "difference", "low", "high"]].isna().all(axis=None)


def test_twenty_rows_of_one_person_count_as_one():
    rng = np.random.default_rng(1)
    per_person = (rng.random(100) < 0.3).astype(float)
    slices = np.arange(100) < 30
    alone = outside_contrasts(slices[None], per_person, None, confidence=0.95).iloc[0]
    people = np.repeat(np.arange(100), 20)
    many = outside_contrasts(
        np.repeat(slices, 20)[None], np.repeat(per_person, 20), people, confidence=0.95
    ).iloc[0]
    assert many["difference"] == pytest.approx(alone["difference"])
    assert many["high"] - many["low"] == pytest.approx(alone["high"] - alone["low"], rel=0.15)
    assert 0.3 * alone["p"] < many["p"] < 3 * alone["p"]


def test_rows_that_are_their_own_person_are_as_without():
    rng = np.random.default_rng(2)
    met, loss = rng.random((2, 600)) < 0.3, rng.gamma(2, size=600)
    alone = outside_contrasts(met, loss, None, confidence=0.95)
    people = outside_contrasts(met, loss, np.arange(600), confidence=0.95)
    for name in ("low", "high"):
        assert people[name].to_numpy() == pytest.approx(alone[name].to_numpy(), abs=0.02)
    assert people["p"].to_numpy() == pytest.approx(alone["p"].to_numpy(), abs=0.03)


def test_a_slice_of_one_person_proves_nothing():
    met = np.array([[True] * 5 + [False] * 45])
    loss = met[0].astype(float)
    people = np.repeat(np.arange(10), 5)
    line = outside_contrasts(met, loss, people, confidence=0.95).iloc[0]
    assert line["p"] == 1
    assert np.isnan(line["low"])


@pytest.mark.parametrize("binary", [True, False])
def test_a_slice_that_crosses_persons_is_compared_within_them(binary: bool):
    """Each person is her own control: intervals are narrow, and as often right."""
    rng = np.random.default_rng(6)
    people, held, widths = np.repeat(np.arange(80), 20), 0, []
    met = (np.arange(1600) % 4 == 0)[None]
    for _ in range(300):
        own = np.repeat(rng.beta(1, 3, size=80), 20)
        loss = (rng.random(1600) < own).astype(float) if binary else 5 * own + rng.normal(size=1600)
        line = outside_contrasts(met, loss, people, confidence=0.95).iloc[0]
        held += line["low"] <= 0 <= line["high"]
        widths.append(line["high"] - line["low"])
    assert held >= 300 * 0.94 - 2 * (300 * 0.06 * 0.94) ** 0.5
    # Rows on their own, of one variance: 2 z sd / sqrt(n) of 400 against 1,200.
    spread = (0.25 * 0.75) ** 0.5 if binary else 1.0
    assert np.mean(widths) < 1.1 * 2 * 1.96 * spread * (1 / 400 + 1 / 1200) ** 0.5


@pytest.mark.parametrize("binary", [True, False])
def test_persons_who_differ_are_no_slice(binary: bool):
    rng = np.random.default_rng(3)
    people, wrong, missed = np.repeat(np.arange(60), 10), 0, 0
    for _ in range(300):
        own = np.repeat(rng.beta(1, 3, size=60), 10)
        loss = (rng.random(600) < own).astype(float) if binary else own + rng.normal(size=600)
        met = np.repeat(rng.random(60) < 0.3, 10)[None]
        line = outside_contrasts(met, loss, people, confidence=0.95).iloc[0]
        wrong += line["p"] <= 0.05
        missed += not line["low"] <= 0 <= line["high"]
    assert wrong <= 300 * 0.05 + 2 * (300 * 0.05 * 0.95) ** 0.5
    assert missed <= 300 * 0.06 + 2 * (300 * 0.06 * 0.94) ** 0.5


def test_where_no_row_of_any_person_is_wrong_nothing_differs():
    found = outside_contrasts(
        np.arange(40)[None] < 10, np.zeros(40), np.repeat(np.arange(20), 2), confidence=0.95
    )
    assert found["p"].tolist() == [1]
    assert found["low"].iloc[0] < 0 < found["high"].iloc[0]
