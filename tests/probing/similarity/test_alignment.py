import itertools
import math

import numpy as np
import pytest
import torch

from auditkit.errors import DataError, UsageError
from auditkit.probing.similarity.alignment import cka, compare, spread_by_chance
from auditkit.probing.similarity.streamed import RunningCKA
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate


def noise(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def related(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Two layers that read the same six causes, the second through a kink."""
    causes, ways = noise(seed, n, 6), noise(99, 6, 20)
    x = causes @ ways[:, :12] + noise(seed + 1, n, 12)
    return x, np.maximum(causes @ ways[:, 12:], 0) + noise(seed + 2, n, 8)


def aligned(x: np.ndarray, y: np.ndarray, **options: bool) -> Estimate:
    return cka(x, y, permutations=0, **options).estimate


def by_hand(x: np.ndarray, y: np.ndarray) -> float:
    """Song et al.'s unbiased estimate, from the (n, n) matrices themselves."""
    n = len(x)
    k, l_ = (one @ one.T - np.diag((one**2).sum(axis=1)) for one in (x, y))
    ones = np.ones(n)

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        products = np.trace(a @ b)
        totals = (ones @ a @ ones) * (ones @ b @ ones) / ((n - 1) * (n - 2))
        return products + totals - 2 / (n - 2) * ones @ a @ b @ ones

    return float(hsic(k, l_) / math.sqrt(hsic(k, k) * hsic(l_, l_)))


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize(("n", "d"), [(300, 20), (30, 80)])
def test_a_turned_scaled_and_shifted_layer_is_the_same(debiased: bool, n: int, d: int):
    x = noise(0, n, d)
    turn = np.linalg.qr(noise(1, d, d))[0]
    found = aligned(x, -3 * x @ turn + 7, debiased=debiased)
    assert found.value == pytest.approx(1, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((1, 1), abs=1e-6)


def test_noise_is_alike_by_the_plain_measure_and_not_by_the_debiased():
    """Plain: about d / (n + d) = .911."""
    found = [cka(noise(i, 50, 512), noise(i + 500, 50, 512), permutations=0) for i in range(20)]
    plain = [
        cka(noise(i, 50, 512), noise(i + 500, 50, 512), permutations=0, debiased=False)
        for i in range(20)
    ]
    assert np.mean([one.estimate.value for one in plain]) == pytest.approx(0.911, abs=0.003)
    assert plain[0].chance == pytest.approx(0.911, abs=0.003)
    assert np.mean([one.estimate.value for one in found]) == pytest.approx(0, abs=0.02)
    assert sum(one.estimate.low <= 0 <= one.estimate.high for one in found) >= 18
    assert found[0].chance == 0


@pytest.mark.parametrize("d", [5, 60])
def test_both_spaces_give_the_textbook_value(d: int):
    x = noise(0, 40, d) + 3
    y = x[:, :3] + noise(1, 40, 3)
    assert aligned(x, y).value == pytest.approx(by_hand(x, y), abs=1e-10)


@pytest.mark.parametrize("debiased", [True, False])
def test_the_interval_is_that_of_leaving_each_row_out(debiased: bool):
    x, y = related(0, n=40)
    found = aligned(x, y, debiased=debiased)
    rows = [np.delete(np.arange(40), i) for i in range(40)]
    left = np.array([aligned(x[one], y[one], debiased=debiased).value for one in rows])
    error = math.sqrt(39 * left.var())
    half = 2.0227 * error / (1 - found.value**2)  # Student's with 39 degrees of freedom
    assert math.atanh(found.high) - math.atanh(found.value) == pytest.approx(half, rel=1e-3)


def test_the_interval_covers():
    truth = np.mean([aligned(*related(i, n=5000)).value for i in (1000, 2000, 3000)])
    hits = [(one := aligned(*related(10 * i, n=80))).low <= truth <= one.high for i in range(120)]
    assert np.mean(hits) > 0.9


def test_dealing_rows_anew_spreads_it_by_exactly_one_number_whatever_they_hold():
    """All 5,040 dealings of 7 rows of a skewed law and of few directions."""
    x, y = noise(0, 7, 2), np.random.default_rng(1).exponential(size=(7, 3))
    every = [by_hand(x, y[list(order)]) for order in itertools.permutations(range(7))]
    assert np.mean(every) == pytest.approx(0, abs=1e-12)
    assert np.std(every) == pytest.approx(spread_by_chance(7), rel=1e-9)


def test_permutations_find_what_is_there_and_nothing_else():
    assert cka(*related(0)).p_value == 1 / 200
    p = [cka(noise(i, 60, 10), noise(i + 100, 60, 8), permutations=99).p_value for i in range(40)]
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.1) <= 0.25


@pytest.mark.parametrize("debiased", [True, False])
def test_the_p_counts_dealings_whose_whole_value_is_as_high(debiased: bool):
    """Rows of very different length, where what rests with a row weighs."""
    x, y = (np.random.default_rng(i).standard_cauchy(size=(12, 3)) for i in (0, 1))
    rng = Runtime().rng("permutations of cka")
    orders = [rng.permutation(12) for _ in range(199)]
    here = aligned(x, y, debiased=debiased).value
    dealt = [aligned(x, y[order], debiased=debiased).value for order in orders]
    p = (1 + sum(one >= here - 1e-12 for one in dealt)) / 200
    assert cka(x, y, debiased=debiased).p_value == pytest.approx(p)


@pytest.mark.parametrize("debiased", [True, False])
def test_batches_of_any_size_are_the_whole(debiased: bool):
    x, y = related(0, n=500)
    x = x + 1e3  # far from 0, where sums of squares cancel
    running = RunningCKA()
    for start, end in [(0, 3), (3, 200), (200, 201), (201, 500)]:
        running.add(torch.from_numpy(x[start:end]), y[start:end])
    whole = aligned(x, y, debiased=debiased).value
    assert running.value(debiased=debiased) == pytest.approx(whole, abs=1e-10)


def test_a_running_alignment_of_too_little_is_not_known():
    running = RunningCKA()
    assert math.isnan(running.value())
    running.add(np.ones((9, 2)), noise(0, 9, 2))
    assert math.isnan(running.value())
    with pytest.raises(DataError, match="give the same layers"):
        running.add(np.ones((9, 3)), noise(0, 9, 2))
    with pytest.raises(DataError, match="holds NaN"):
        running.add(np.full((9, 2), np.nan), noise(0, 9, 2))


def test_all_pairs_of_layers_are_compared_and_agree_with_one_pair():
    x, y = related(0)
    found = compare({"first": x, "second": y})
    assert found.frame["cka"].iloc[0] == pytest.approx(1)
    assert found.frame["cka"][1] == found.frame["cka"][2] == pytest.approx(aligned(x, y).value)
    assert found.chance == 0
    assert found.chance_spread == pytest.approx(math.sqrt(2 / (200 * 197)))
    two = compare({"first": x}, {"other": y, "noise": noise(5, 200, 4)})
    assert list(two.frame["other"]) == ["other", "noise"]
    assert two.frame["low"][1] < 0 < two.frame["high"][1]


def test_a_constant_layer_has_no_alignment():
    found = compare({"dead": np.ones((20, 3)), "live": noise(0, 20, 3)})
    assert found.frame["cka"].isna().sum() == 3
    assert set(found.frame["reason"]) == {"", "the activations are the same for every row"}


def test_what_cannot_be_compared_is_said():
    x = noise(0, 20, 3)
    with pytest.raises(DataError, match="20 rows beside 19"):
        cka(x, x[1:])
    with pytest.raises(DataError, match=r"shape \(20, 3, 1\)"):
        cka(x, x[:, :, None])
    with pytest.raises(DataError, match="row 3 of the activations y holds NaN"):
        cka(x, np.where(np.arange(20)[:, None] == 2, np.nan, x))
    with pytest.raises(DataError, match="4 rows: give 8"):
        cka(x[:4], x[:4])
    with pytest.raises(DataError, match="no layers"):
        compare({})
    with pytest.raises(UsageError, match="permutations is -1"):
        cka(x, x, permutations=-1)


def test_it_shows_as_one_line():
    found = cka(*related(0), permutations=19)
    assert list(found.frame.columns) == ["measure", "value", "low", "high", "chance", "p", "rows"]
    assert found.frame["rows"][0] == 200
