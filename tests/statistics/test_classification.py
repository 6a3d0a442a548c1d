import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import multinomial, norm
from scipy.stats import t as student
from sklearn import metrics

from auditkit.errors import DataError
from auditkit.statistics import classification
from auditkit.statistics.classification import (
    accuracy,
    accuracy_difference,
    auc,
    auc_difference,
    base_log_loss,
    log_loss,
    mean_estimate,
    tango_limits,
)

Z = 1.959963984540054
Y = [0, 0, 1, 1]
SCORE = [0.1, 0.4, 0.35, 0.8]


def test_accuracy_counts_what_is_right_with_wilsons_interval() -> None:
    found = accuracy([1, 1, 0, 0] * 25, [1, 1, 1, 0] * 25)
    assert (found.value, found.n) == (0.75, 100)
    # Wilson by hand: (p + z2/2n +- z sqrt(p q / n + z2/4n2)) / (1 + z2/n), n = 100
    assert found.low == pytest.approx(0.6570, abs=1e-4)
    assert found.high == pytest.approx(0.8246, abs=1e-4)


def test_auc_worked_by_hand() -> None:
    # Three of four pairs are in order. Each class has components 1 and 1/2: variance
    # (1/8) / 2 + (1/8) / 2 = 1/8, on the logit scale divided by (3/4 1/4)^2.
    found = auc(Y, SCORE)
    assert found.value == 0.75
    half = Z * math.sqrt(1 / 8) / (3 / 16)
    delong = [1 / (1 + math.exp(-(math.log(3) + sign * half))) for sign in (-1, 1)]
    assert found.low <= delong[0]
    assert found.high >= delong[1]
    many = auc(Y * 75, [one + 1e-9 * (index % 7) for index, one in enumerate(SCORE * 75)])
    assert "guarded" in found.method
    assert "guarded" in many.method  # 150 rows of the smaller class: fewer than 300


def brute(y: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """AUC and DeLong's variance from all pairs."""
    positive, negative = score[y == 1][:, None], score[y == 0][None, :]
    wins = (positive > negative) + (positive == negative) / 2
    m, k = wins.shape
    variance = wins.mean(axis=1).var(ddof=1) / m + wins.mean(axis=0).var(ddof=1) / k
    return float(wins.mean()), float(variance)


@pytest.mark.parametrize("ties", [3, 1000])
def test_auc_agrees_with_all_pairs_and_with_scikit_learn(ties: int) -> None:
    rng = np.random.default_rng(ties)
    y = (rng.uniform(size=1500) < 0.4).astype(int)
    score = np.round((rng.uniform(size=1500) + y / 2) / 1.5 * ties) / ties
    value, variance = brute(y, score)
    found = auc(y, score)
    assert found.value == pytest.approx(metrics.roc_auc_score(y, score), abs=1e-12)
    assert found.value == pytest.approx(value, abs=1e-12)
    logit = math.log(value / (1 - value))
    half = Z * math.sqrt(variance) / (value * (1 - value))
    assert found.method == "DeLong, logit"
    assert math.log(found.low / (1 - found.low)) == pytest.approx(logit - half, abs=1e-9)
    assert math.log(found.high / (1 - found.high)) == pytest.approx(logit + half, abs=1e-9)


def test_perfect_and_inverse_separation_stay_in_range_and_admit_doubt() -> None:
    y = [0] * 20 + [1] * 10
    perfect = auc(y, np.linspace(0, 1, 30))
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    assert 0.5 < perfect.low < 0.9  # ten positives cannot show more
    worst = auc(y, np.linspace(1, 0, 30))
    assert (worst.value, worst.low) == (0.0, 0.0)
    assert worst.high == pytest.approx(1 - perfect.low)


def test_constant_scores_and_a_class_of_one_row_have_wide_intervals() -> None:
    constant = auc([0, 1] * 10, [0.3] * 20)
    assert constant.value == 0.5
    assert constant.low < 0.3 < 0.7 < constant.high
    single = auc([1] + [0] * 50, [0.5, *np.linspace(0, 0.6, 50)])
    assert single.high - single.low > 0.5


def test_auc_ignores_a_rising_change_of_scores() -> None:
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 200), rng.uniform(size=200)
    one, other = auc(y, score), auc(y, score**3)
    assert (one.value, one.low, one.high) == (other.value, other.low, other.high)


@pytest.mark.parametrize(("m", "k", "apart"), [(10, 20, 1.0), (40, 400, 2.5), (300, 600, 1.5)])
def test_the_interval_of_an_auc_covers_it(m: int, k: int, apart: float) -> None:
    rng = np.random.default_rng(m)
    y = np.r_[np.ones(m), np.zeros(k)]
    truth = norm.cdf(apart / math.sqrt(2))
    found = [auc(y, norm.cdf(rng.normal(size=m + k) + apart * y)) for _ in range(500)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 500)
    assert np.mean([one.value for one in found]) == pytest.approx(truth, abs=0.01)


def test_log_loss_worked_by_hand_and_by_scikit_learn() -> None:
    found = log_loss([1, 0], [0.5, 0.75])
    losses = [math.log(2), math.log(4)]
    assert found.value == pytest.approx(1.5 * math.log(2))
    half = student.ppf(0.975, 1) * np.std(losses, ddof=1) / math.sqrt(2)
    assert found.high - found.value == pytest.approx(half)
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 300), rng.uniform(size=300)
    assert log_loss(y, score).value == pytest.approx(metrics.log_loss(y, score))


def test_a_certain_score_that_is_wrong_costs_what_is_stated() -> None:
    assert log_loss([1, 0], [0.0, 1.0]).value == pytest.approx(-math.log(1e-12), rel=1e-4)
    assert log_loss([1, 0], np.array([1.0, 0.0], np.float32)).value == pytest.approx(0, abs=1e-11)


def test_means_of_one_row_and_of_none() -> None:
    single = mean_estimate([3.0], most=5)
    assert single.value == 3.0
    assert math.isnan(single.low)
    assert single.reason
    assert not mean_estimate([], most=5).defined


def test_what_cannot_be_measured_is_undefined_with_a_reason() -> None:
    for one in (
        auc([1, 1], [0.1, 0.2]),
        auc_difference([0, 0], [0.1, 0.2], [0.1, 0.2]),
        accuracy([], []),
        accuracy_difference([], [], []),
        log_loss([], []),
    ):
        assert not one.defined
        assert one.reason
        assert math.isnan(one.low)


def test_wrong_values_are_named_with_their_row() -> None:
    with pytest.raises(DataError, match=r"y is 2\.0 in row 2; it must be 0 or 1"):
        accuracy([0, 2], [0, 1])
    with pytest.raises(DataError, match=r"score in row 1 is 1\.5"):
        auc([0, 1], [1.5, 0.5])
    with pytest.raises(DataError, match="score in row 2 is nan"):
        log_loss([0, 1], [0.5, math.nan])
    with pytest.raises(DataError, match=r"prediction has 1 rows, y has 2"):
        accuracy([0, 1], [0])
    with pytest.raises(DataError, match="shape"):
        auc([0, 1], [0.5])


def likeliest(only_a: int, only_b: int, n: int, delta: float) -> float:
    """The likeliest share of `only b` rows at a given difference, by search."""

    def cost(q: float) -> float:
        shares = np.array([q + delta, q, 1 - 2 * q - delta])
        counts = np.array([only_a, only_b, n - only_a - only_b])
        return -float(np.sum(counts * np.log(np.maximum(shares, 1e-300))))

    found = minimize_scalar(
        cost, bounds=(max(0, -delta), (1 - delta) / 2), method="bounded", options={"xatol": 1e-12}
    )
    return float(found.x)


@pytest.mark.parametrize(("only_a", "only_b", "n"), [(12, 2, 50), (9, 3, 32), (1, 4, 20)])
def test_tangos_limits_are_where_the_score_test_is_at_its_limit(
    only_a: int, only_b: int, n: int
) -> None:
    for limit, sign in zip(tango_limits(only_a, only_b, n, Z), (1, -1), strict=True):
        q = likeliest(only_a, only_b, n, limit)
        deviation = math.sqrt(n * (2 * q + limit - limit**2))
        assert (only_a - only_b - n * limit) / deviation == pytest.approx(sign * Z, abs=1e-3)


def test_no_discordant_row_at_all_still_leaves_doubt() -> None:
    # With no discordant pair the score equation is n d / (1 - d) = z^2.
    expected = Z**2 / (50 + Z**2)
    assert tango_limits(0, 0, 50, Z) == pytest.approx((-expected, expected))
    assert tango_limits(7, 0, 7, Z)[1] == 1.0
    assert tango_limits(0, 7, 7, Z)[0] == -1.0


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30))
def test_tangos_limits_hold_the_estimate_and_mirror(only_a: int, only_b: int, same: int) -> None:
    n = only_a + only_b + same
    low, high = tango_limits(only_a, only_b, n, Z)
    assert -1 <= low <= (only_a - only_b) / n <= high <= 1
    assert tango_limits(only_b, only_a, n, Z) == pytest.approx((-high, -low), abs=1e-9)


def test_tangos_interval_covers_the_difference_by_exact_enumeration() -> None:
    n = 24
    pairs = [(a, b) for a, b in product(range(n + 1), repeat=2) if a + b <= n]
    limits = {pair: tango_limits(*pair, n, Z) for pair in pairs}
    coverages = []
    for p, q in [(0.02, 0.02), (0.05, 0.02), (0.1, 0.1), (0.2, 0.05), (0.3, 0.2), (0.1, 0.0)]:
        chances = multinomial.pmf([[a, b, n - a - b] for a, b in pairs], n, [p, q, 1 - p - q])
        held = [limits[pair][0] <= p - q <= limits[pair][1] for pair in pairs]
        coverages.append(float(np.sum(chances * held)))
    assert min(coverages) > 0.94
    assert np.mean(coverages) < 0.995


def test_accuracy_difference_uses_only_the_rows_that_differ() -> None:
    y = np.array([1] * 50)
    a = np.array([1] * 48 + [0] * 2)
    b = np.array([1] * 36 + [0] * 12 + [1] * 2)
    found = accuracy_difference(y, a, b)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == tango_limits(12, 2, 50, Z)
    assert accuracy_difference(y, b, a).value == pytest.approx(-0.2)


def paired(rng: np.random.Generator, y: np.ndarray, apart: tuple[float, float]) -> np.ndarray:
    shared, own = rng.normal(size=(2, len(y)))
    return norm.cdf([shared + apart[0] * y, 0.8 * shared + 0.6 * own + apart[1] * y])


def test_auc_difference_is_delongs_in_the_middle_of_the_range() -> None:
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=4000) < 0.5).astype(int)
    a, b = paired(rng, y, (0.9, 0.8))
    found = auc_difference(y, a, b)
    assert found.value == pytest.approx(auc(y, a).value - auc(y, b).value)
    wins = [
        (s[y == 1][:, None] > s[y == 0][None, :]).astype(float)  # no ties
        for s in (a, b)
    ]
    apart = wins[0] - wins[1]
    m, k = apart.shape
    deviation = math.sqrt(apart.mean(1).var(ddof=1) / m + apart.mean(0).var(ddof=1) / k)
    assert found.high - found.low == pytest.approx(2 * Z * deviation, rel=0.01)


@pytest.mark.parametrize(("m", "k", "apart"), [(30, 60, (1.0, 0.5)), (40, 200, (2.5, 2.5))])
def test_the_interval_of_an_auc_difference_covers_it(
    m: int, k: int, apart: tuple[float, float]
) -> None:
    rng = np.random.default_rng(m)
    y = np.r_[np.ones(m), np.zeros(k)]
    truth = norm.cdf(apart[0] / math.sqrt(2)) - norm.cdf(apart[1] / math.sqrt(2))
    found = [auc_difference(y, *paired(rng, y, apart)) for _ in range(300)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 300)


def test_equal_rankings_differ_by_nothing_and_perfect_ones_by_an_unknown_little() -> None:
    y = [0] * 10 + [1] * 10
    score = np.linspace(0, 1, 20)
    mixed = score[::-1] * 0.5 + np.tile([0, 0.5], 10)
    same = auc_difference(y, mixed, mixed**2)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    swapped = auc_difference(y, score, np.r_[score[:10][::-1], score[10:][::-1]])
    assert swapped.value == 0


def test_a_hundred_thousand_rows_take_no_pairs() -> None:
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 100_000), rng.uniform(size=100_000)
    assert auc(y, score).n == 100_000  # 2.5 thousand million pairs, were they compared


def test_the_guard_stops_where_both_classes_have_rows_enough() -> None:
    rng = np.random.default_rng(1)
    n = classification.ENOUGH
    y = np.r_[np.ones(n), np.zeros(n)]
    assert auc(y, rng.uniform(size=2 * n)).method == "DeLong, logit"
    assert "guarded" in auc(y[1:], rng.uniform(size=2 * n - 1)).method


def test_the_interval_of_a_mean_stays_where_the_values_can_be() -> None:
    found = mean_estimate([0.0, 1.0], most=1.0)
    assert (found.low, found.high) == (0.0, 1.0)


def test_the_base_rate_costs_its_entropy() -> None:
    assert base_log_loss([0, 1]) == pytest.approx(math.log(2))
    assert base_log_loss([0, 0, 0, 1]) == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(4 / 3))
    assert base_log_loss([1, 1]) == 0.0
    assert math.isnan(base_log_loss([]))
