import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, studentized_range

from auditkit.bias.bootstrap import draw, holding, max_t, tukey
from auditkit.bias.groups import group_counts
from auditkit.bias.pairs import Contest


def selected(sizes: list[int], hits: list[int]) -> pd.DataFrame:
    n, x = np.array(sizes), np.array(hits)
    return pd.DataFrame({"tp": x, "fp": 0, "fn": n - x, "tn": 0})


def test_drawing_counts_is_drawing_rows() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, (2, 60))
    group = rng.choice(["a", "b", "c"], 60, p=[0.6, 0.3, 0.1])
    counts = group_counts(y, p, group)
    rows = np.empty((3000, 3, 4), dtype=np.int64)
    names = counts.index.get_indexer(group)
    cell = 2 * (1 - p) + (1 - y)  # tp, fp, fn, tn as 0, 1, 2, 3
    for one in rows:
        again = rng.integers(0, 60, 60)
        one[...] = np.bincount(names[again] * 4 + cell[again], minlength=12).reshape(3, 4)
    drawn = draw(counts, 3000, rng)
    assert drawn.shape == (3000, 3, 4)
    assert (drawn.sum(axis=(1, 2)) == 60).all()
    assert (rows.sum(axis=(1, 2)) == 60).all()
    flat, other = drawn.reshape(3000, 12), rows.reshape(3000, 12)
    spread = flat.std(axis=0) / np.sqrt(3000)
    assert (abs(flat.mean(axis=0) - counts.to_numpy().ravel()) <= 4 * spread).all()
    assert np.cov(flat.T) == pytest.approx(np.cov(other.T), abs=1.0)
    precision = [t[:, 0, 0] / np.maximum(t[:, 0, :2].sum(axis=1), 1) for t in (drawn, rows)]
    assert ks_2samp(*precision).pvalue > 0.001


def test_an_empty_cell_stays_empty() -> None:
    counts = selected([5, 5], [0, 5])
    drawn = draw(counts, 200, np.random.default_rng(0))
    assert not drawn[:, 0, 0].any()
    assert not drawn[:, 1, 2].any()


@pytest.mark.parametrize("groups", [2, 3, 10, 40])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_tukeys_value_is_the_studentised_range_over_root_2(groups: int, confidence: float) -> None:
    expected = studentized_range.ppf(confidence, groups, np.inf) / np.sqrt(2)
    assert tukey((groups,), confidence) == pytest.approx(expected, rel=1e-5)


def test_two_families_at_once_ask_for_more() -> None:
    # Two independent pairs: each must hold with probability sqrt(.95).
    assert tukey((2, 2), 0.95) == pytest.approx(2.2365, abs=1e-4)


def test_the_largest_deviation_agrees_with_a_plain_loop() -> None:
    counts = selected([30, 50, 80], [10, 40, 8])
    drawn = draw(counts, 50, np.random.default_rng(3))
    contest = Contest.of(counts, "selection_rate")
    found = max_t(contest, drawn, "difference")
    for one, sample in zip(found, drawn, strict=True):
        worst = 0.0
        for i in range(3):
            for j in range(i):
                n, x = sample.sum(axis=1)[[i, j]] + 2, sample[[i, j], 0] + 1
                was = (contest.hits[[i, j]] + 1) / (contest.n[[i, j]] + 2)
                p = x / n
                error = np.sqrt((p * (1 - p) / n).sum())
                worst = max(worst, abs((p[0] - p[1]) - (was[0] - was[1])) / error)
        assert one == pytest.approx(worst)


@pytest.mark.parametrize("comparison", ["difference", "ratio"])
def test_many_rows_give_tukeys_value(comparison) -> None:
    counts = selected([20_000] * 6, [8_000] * 6)
    drawn = draw(counts, 4000, np.random.default_rng(5))
    contest = Contest.of(counts, "selection_rate")
    measured = np.quantile(max_t(contest, drawn, comparison), 0.95)
    assert measured == pytest.approx(tukey((6,), 0.95), abs=0.08)


def test_rates_of_1_do_not_shrink_the_critical_value() -> None:
    counts = selected([40] * 4, [40] * 4)
    drawn = draw(counts, 500, np.random.default_rng(0))
    contest = Contest.of(counts, "selection_rate")
    maxima = max_t(contest, drawn, "difference")
    assert np.quantile(maxima, 0.95) < 1  # the draws never vary
    assert holding(maxima, (4,), 0.95) == tukey((4,), 0.95)


def test_heavy_tails_raise_the_critical_value() -> None:
    counts = selected([50] * 15 + [5000] * 5, [5] * 15 + [500] * 5)
    drawn = draw(counts, 1000, np.random.default_rng(0))
    contest = Contest.of(counts, "selection_rate")
    found = holding(max_t(contest, drawn, "difference"), (20,), 0.95)
    assert found > tukey((20,), 0.95) + 0.2
