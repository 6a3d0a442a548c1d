import numpy as np
import pytest
from scipy.stats import binom

from auditkit.errors import UsageError
from auditkit.statistics.intervals import (
    difference_interval,
    rate_interval,
    ratio_interval,
    score_limits,
    z_of,
)

EVERY_SIZE = [*range(5, 31), 50, 100, 300, 1000, 5000]


def coverage(n: int, p: np.ndarray, *, confidence: float = 0.95) -> np.ndarray:
    """Probability that the interval contains p: a plain sum over the binomial."""
    x = np.arange(n + 1)
    low, high = rate_interval(x, n, confidence=confidence)
    inside = (low[:, None] <= p) & (p <= high[:, None])
    return (binom.pmf(x[:, None], n, p) * inside).sum(axis=0)


def hardest(n: int, *, confidence: float = 0.95) -> np.ndarray:
    """Where coverage can be least: just beside each limit."""
    limits = np.concatenate(rate_interval(np.arange(n + 1), n, confidence=confidence))
    p = np.concatenate([limits - 1e-9, limits + 1e-9])
    return p[(p > 0) & (p < 1)]


def test_z_is_the_normal_critical_value() -> None:
    assert z_of(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert z_of(0.6826895) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, float("nan")])
def test_a_confidence_outside_0_and_1_is_refused(confidence: float) -> None:
    with pytest.raises(UsageError, match=r"such as 0\.95"):
        z_of(confidence)


@pytest.mark.parametrize("n", EVERY_SIZE)
def test_a_rate_is_covered_as_promised_on_average_and_never_less_than_90_percent(n: int) -> None:
    grid = (np.arange(300) + 0.5) / 300
    assert 0.945 <= coverage(n, grid).mean() <= 0.965
    points = hardest(n)
    some = points if n <= 100 else np.r_[points[:60], points[-60:], points[:: len(points) // 60]]
    assert coverage(n, some).min() >= 0.90


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.99, 0.999])
def test_no_confidence_misses_more_than_twice_its_share(confidence: float) -> None:
    for n in (1, 2, 3, 7, 40):
        least = coverage(n, hardest(n, confidence=confidence), confidence=confidence).min()
        assert least >= 1 - 2 * (1 - confidence) - 1e-9


def test_coverage_is_confirmed_by_drawing_samples() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(100_000)
    for n in (12, 200):
        low, high = rate_interval(np.arange(n + 1), n)
        x = rng.binomial(n, p)
        assert np.mean((low[x] <= p) & (p <= high[x])) == pytest.approx(
            coverage(n, (np.arange(500) + 0.5) / 500).mean(), abs=0.003
        )


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),  # Newcombe 1998, "Two-sided confidence intervals", table I
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_away_from_0_and_1_the_interval_is_wilsons(x: int, n: int, low: float, high: float) -> None:
    assert np.array(rate_interval(x, n)) == pytest.approx([low, high], abs=5e-5)


def test_near_0_the_lower_limit_lies_below_wilsons() -> None:
    low, _ = rate_interval(1, 29)
    assert 0 < low < 0.0061  # Wilson, same table


def test_success_and_failure_mirror_each_other() -> None:
    x = np.arange(18)
    low, high = rate_interval(x, 17)
    assert low == pytest.approx(1 - high[::-1])
    assert (np.diff(low) > 0).all()
    assert low[0] == 0
    assert high[-1] == 1


def test_no_rows_give_no_interval() -> None:
    low, high = rate_interval([0, 3], [0, 4])
    assert np.isnan([low[0], high[0]]).all()
    assert 0 < low[1] < 0.75 < high[1] < 1


@pytest.mark.parametrize(
    ("table", "low", "high"),  # Newcombe 1998, "Interval estimation for the difference", table II
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_differences_are_newcombes(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert np.array(difference_interval(*table, z_of(0.95))) == pytest.approx([low, high], abs=5e-5)


def test_swapping_the_groups_mirrors_difference_and_ratio() -> None:
    low, high = difference_interval(7, 20, 3, 30, 2.5)
    assert np.array(difference_interval(3, 30, 7, 20, 2.5)) == pytest.approx([-high, -low])
    low, high = ratio_interval(7, 20, 3, 30, 2.5)
    assert np.array(ratio_interval(3, 30, 7, 20, 2.5)) == pytest.approx([1 / high, 1 / low])


def test_against_a_rate_that_is_known_the_pair_has_the_limits_of_one_rate() -> None:
    many = 10**12
    low, high = score_limits(30, 100, 3.0)
    assert np.array(difference_interval(30, 100, many // 2, many, 3.0)) == pytest.approx(
        [low - 0.5, high - 0.5], abs=1e-5
    )
    assert np.array(ratio_interval(30, 100, many // 2, many, 3.0)) == pytest.approx(
        [2 * low, 2 * high], abs=1e-5
    )


def test_nothing_over_nothing_is_unknown_and_something_over_nothing_has_a_lower_end() -> None:
    low, high = ratio_interval([0, 8, 0, 1], [10, 10, 10, 0], [0, 0, 8, 1], [10, 10, 10, 10], 1.96)
    assert (low[0], high[0]) == (0, np.inf)
    assert low[1] > 1
    assert high[1] == np.inf
    assert low[2] == 0
    assert high[2] == pytest.approx(1 / low[1])
    assert np.isnan([low[3], high[3]]).all()


def pair_noncoverage(p1: float, n1: int, p2: float, n2: int, *, z: float, ratio: bool) -> float:
    x1, x2 = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)
    interval, true = (ratio_interval, p1 / p2) if ratio else (difference_interval, p1 - p2)
    low, high = interval(x1, n1, x2, n2, z)
    weight = binom.pmf(x1, n1, p1) * binom.pmf(x2, n2, p2)
    return float(weight[(low > true + 1e-12) | (high < true - 1e-12)].sum())


@pytest.mark.parametrize("ratio", [False, True])
@pytest.mark.parametrize(
    ("p1", "n1", "p2", "n2"),
    [
        (0.02, 50, 0.02, 50),
        (0.02, 50, 0.02, 1000),
        (0.02, 100, 0.12, 100),
        (0.9, 50, 1.0, 50),
        (0.9, 50, 0.9, 400),
        (0.5, 60, 0.3, 60),
    ],
)
def test_a_pair_is_missed_as_rarely_as_promised(
    p1: float, n1: int, p2: float, n2: int, *, ratio: bool
) -> None:
    assert pair_noncoverage(p1, n1, p2, n2, z=z_of(0.95), ratio=ratio) <= 0.06
    # Far out, where comparing many groups leads, plain Wilson limits miss up to 8 times the share.
    far = pair_noncoverage(p1, n1, p2, n2, z=z_of(0.998), ratio=ratio)
    assert far <= 2.2 * 0.002
