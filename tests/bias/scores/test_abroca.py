"""The area between ROC curves: by hand, by brute force, its bias, its test and its interval."""

import numpy as np
import pytest
from scipy.stats import norm

from auditkit.bias.scores.abroca import abroca, area_between, curves, roc
from auditkit.bias.scores.score_counts import score_counts


def planted(n: int, *, minority: float, shifts: tuple[float, float], base: float, seed: int):
    rng = np.random.default_rng(seed)
    second = np.arange(n) < minority * n
    y = (rng.random(n) < base).astype(int)
    score = rng.normal(size=n) + y * np.where(second, shifts[1], shifts[0])
    return score_counts(y, score, np.where(second, "minority", "majority"))


def brute(first: tuple, second: tuple) -> float:
    grid = (np.arange(200_000) + 0.5) / 200_000
    return float(np.abs(np.interp(grid, *first) - np.interp(grid, *second)).mean())


def test_a_draw_without_an_outcome_has_no_curve_and_warns_nobody():
    positives, negatives = np.array([[0, 1], [0, 2]]), np.array([[1, 1], [1, 1]])
    lacking, whole = curves(positives, negatives)
    assert np.isnan(lacking).all()
    assert np.isfinite(whole).all()


def test_a_perfect_curve_and_a_coin_enclose_one_half():
    perfect = roc(np.array([0, 5]), np.array([5, 0]))
    coin = roc(np.array([5]), np.array([5]))
    assert area_between(perfect, coin) == 0.5
    assert area_between(coin, perfect) == 0.5
    assert area_between(perfect, roc(np.array([5, 0]), np.array([0, 5]))) == 1.0
    assert area_between(coin, coin) == 0.0


def test_curves_that_cross_enclose_an_area_though_their_aucs_are_equal():
    # (0,0) (.5,.75) (1,1) against (0,0) (0,.25) (.5,.5)... by symmetry about the other diagonal.
    early = (np.array([0, 0, 1]), np.array([0, 0.5, 1]))
    late = (np.array([0, 0.5, 1]), np.array([0, 1, 1]))
    assert np.trapezoid(early[1], early[0]) == np.trapezoid(late[1], late[0]) == 0.75
    # early - late is .5 - 1.5 t up to t = .5, then -.5 + .5 t: 1/12 + 1/48 + 1/16.
    assert area_between(early, late) == pytest.approx(1 / 12 + 1 / 48 + 1 / 16)


def test_the_area_is_that_of_a_very_fine_grid():
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = (
            roc(*(rng.integers(0, 4, (2, size)) + np.array([[1], [1]]))) for size in (7, 12)
        )
        assert area_between(one, other) == pytest.approx(brute(one, other), abs=2e-5)


def test_drawn_curves_are_the_curve():
    positives, negatives = np.array([0, 3, 1, 6]), np.array([4, 4, 1, 0])
    grid = (np.arange(128) + 0.5) / 128
    expected = np.interp(grid, *roc(positives, negatives))
    np.testing.assert_allclose(
        curves(np.stack([positives] * 3, 1), np.stack([negatives] * 3, 1)), [expected] * 3
    )


@pytest.mark.parametrize(
    ("n", "tables", "expected"), [(200, 400, 0.120), (1000, 150, 0.053), (5000, 60, 0.022)]
)
def test_without_any_bias_the_area_is_what_is_known_of_it(n: int, tables: int, expected: float):
    # A minority of 15 %, a base rate of 25 %, positives one standard deviation above.
    options = {"minority": 0.15, "shifts": (1.0, 1.0), "base": 0.25}
    areas, chances = [], []
    for seed in range(tables):
        table = planted(n, seed=seed, **options)
        minority = (table.positives[1], table.negatives[1])
        if not all(side.any() for side in minority):
            continue
        areas.append(area_between(roc(*minority), roc(table.positives[0], table.negatives[0])))
        if seed < 20:
            found = abroca(table, rng=np.random.default_rng(seed), draws=100, min_group_size=1)
            chances.append(found.null.mean)
    error = np.std(areas) / np.sqrt(len(areas))
    assert np.mean(areas) == pytest.approx(expected, abs=2 * error + 0.002)
    assert np.mean(chances) == pytest.approx(np.mean(areas), abs=4 * error)  # and we say so


def test_labels_dealt_at_random_stand_out_in_5_percent_of_tables():
    hits, zero = [], []
    for seed in range(150):
        table = planted(400, minority=0.3, shifts=(1.0, 1.0), base=0.4, seed=seed)
        found = abroca(table, rng=np.random.default_rng(seed), draws=100)
        hits.append(found.null.p_value <= 0.05)
        zero.append(found.estimate.low == 0)
    assert np.mean(hits) < 0.11
    assert np.mean(zero) > 0.93


def test_a_planted_difference_lies_in_its_interval_and_stands_out():
    grid = (np.arange(20_000) + 0.5) / 20_000
    truth = float(np.abs(norm.sf(norm.isf(grid) - 1.5) - norm.sf(norm.isf(grid) - 0.5)).mean())
    held = []
    for seed in range(40):
        table = planted(1500, minority=0.4, shifts=(1.5, 0.5), base=0.4, seed=seed)
        found = abroca(table, rng=np.random.default_rng(seed), draws=200)
        held.append(found.estimate.low <= truth <= found.estimate.high)
        assert found.null.p_value < 0.01
        assert found.estimate.low > 0
    assert np.mean(held) >= 0.9


def test_of_several_groups_the_one_that_stands_out_is_named_not_the_smallest():
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b", "c", "tiny"], [1500, 1500, 1500, 40])
    y = (rng.random(len(group)) < 0.5).astype(int)
    score = rng.normal(size=len(group)) + y * np.where(group == "b", 0.2, 1.2)
    found = abroca(score_counts(y, score, group), rng=rng, draws=200)
    assert found.group == "b"
    assert found.against == "all others"
    assert found.groups["chance"].idxmax() == "tiny"
    assert found.groups.loc["tiny", "p_value"] > 0.05
    assert found.estimate.low == found.groups["low"].max()


def test_of_two_groups_there_is_one_comparison():
    found = abroca(
        planted(400, minority=0.5, shifts=(1, 1), base=0.5, seed=0),
        rng=np.random.default_rng(0),
        draws=50,
    )
    assert list(found.groups.index) == ["majority"]
    assert (found.group, found.against) == ("majority", "minority")


def test_one_group_has_no_area():
    table = score_counts([1, 0] * 20, np.linspace(0, 1, 40), ["a"] * 39 + ["b"])
    found = abroca(table, rng=np.random.default_rng(0), draws=10)
    assert np.isnan(found.estimate.value)
    assert "needs two" in found.estimate.reason
    assert "b" in found.left_out


def test_scores_that_are_all_alike_leave_doubt_about_others():
    counts = score_counts(np.tile([0, 1], 30), np.full(60, 0.5), np.repeat(["a", "b"], 30))
    found = abroca(counts, rng=np.random.default_rng(0), draws=300)
    assert found.estimate.value == 0
    assert 0.05 < found.estimate.high < 0.5
    assert found.null.p_value == 1
