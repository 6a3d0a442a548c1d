"""AUC by group: scikit-learn's numbers, DeLong's intervals, and the null of the largest gap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from auditkit.bias.scores.score_auc import area, auc_gap, permuted_aucs
from auditkit.bias.scores.score_counts import ScoreCounts, score_counts
from auditkit.bias.scores.score_draws import dealt, redrawn
from auditkit.statistics.classification import auc, auc_limits
from auditkit.statistics.intervals import z_of

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def rows(sizes: list[int], shifts: list[float], *, seed: int = 0, base: float = 0.4) -> Rows:
    """Normal scores whose positives lie `shift` above the negatives, by group."""
    rng = np.random.default_rng(seed)
    group = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    y = (rng.random(len(group)) < base).astype(int)
    score = rng.normal(size=len(group)) + y * np.repeat(shifts, sizes)
    return y, 1 / (1 + np.exp(-score)), group


def counts(*args, **options) -> ScoreCounts:
    return score_counts(*rows(*args, **options))


@settings(max_examples=30, deadline=None)
@given(
    drawn=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.sampled_from([0.1, 0.2, 0.5, 0.9])),
        min_size=4,
        max_size=60,
    )
)
def test_each_auc_is_that_of_scikit_learn_with_the_interval_of_the_group_alone(drawn: list[tuple]):
    group, y, score = map(np.array, zip(*drawn, strict=True))
    found = auc_gap(
        score_counts(y, score, group), rng=np.random.default_rng(0), draws=5, min_group_size=1
    )
    for name, line in found.groups.iterrows():
        own = group == name
        alone = auc(y[own], score[own])
        assert line["value"] == pytest.approx(roc_auc_score(y[own], score[own]))
        assert (line["low"], line["high"]) == pytest.approx((alone.low, alone.high))
    both = {name for name in "abc" if len(set(y[group == name])) == 2}
    assert set(found.groups.index) == both
    assert set(found.measured.left_out) == set(group) - both


def test_three_pairs_by_hand():
    # Positives at 2 and 3, negatives at 1 and 2: 3 of 4 pairs in order, one of them a tie.
    # The positives stand above 3/4 and all of the negatives, the negatives below all and 3/4.
    found = area(np.array([0, 1, 1]), np.array([1, 1, 0]))
    assert found.auc == 0.875
    assert found.variance == pytest.approx(2 * (2 * 0.125**2) / 2)
    low, high, _ = auc_limits(found, z_of(0.95))
    assert low < 0.875 < high


def test_a_planted_gap_is_found_and_named():
    found = auc_gap(counts([2000, 2000, 300], [1.5, 0.3, 1.5]), rng=np.random.default_rng(0))
    assert (found.lowest, found.highest)[0] == "g1"
    assert 0.1 < found.estimate.low < found.estimate.value < found.estimate.high
    assert found.null.p_value == pytest.approx(1 / 1001)
    assert found.null.mean < 0.06


def test_the_null_of_the_gap_is_that_of_rows_whose_groups_are_shuffled():
    y, score, group = rows([200, 60, 60], [1.0, 1.0, 1.0], seed=1)
    rng = np.random.default_rng(2)
    gaps = []
    for _ in range(400):
        for outcome in (0, 1):
            group[y == outcome] = rng.permutation(group[y == outcome])
        areas = [roc_auc_score(y[group == g], score[group == g]) for g in np.unique(group)]
        gaps.append(max(areas) - min(areas))
    permuted = permuted_aucs(score_counts(y, score, group), 1000, np.random.default_rng(3))
    ours = permuted.max(axis=1) - permuted.min(axis=1)
    error = np.std(gaps) / 20 + np.std(ours) / 31
    assert ours.mean() == pytest.approx(np.mean(gaps), abs=3 * error)
    assert np.quantile(ours, 0.95) == pytest.approx(np.quantile(gaps, 0.95), rel=0.12)


def test_dealing_labels_keeps_the_scores_and_the_groups():
    totals, sizes = np.array([3, 0, 40, 7]), [10, 25, 15]
    found = dealt(totals, sizes, 4000, np.random.default_rng(0))
    assert (found.sum(axis=0) == totals[:, None]).all()
    assert (found.sum(axis=1) == np.array(sizes)[:, None]).all()
    expected = np.outer(sizes, totals) / 50
    np.testing.assert_allclose(found.mean(axis=2), expected, atol=0.15)
    variance = 25 / 50 * 25 / 50 * 40 * (50 - 40) / 49  # hypergeometric
    assert found[1, 2].var() == pytest.approx(variance, rel=0.1)


def test_redrawing_keeps_the_rows_and_the_shares():
    found = redrawn(np.array([5, 0, 15]), 5000, np.random.default_rng(0))
    assert (found.sum(axis=1) == 20).all()
    np.testing.assert_allclose(found.mean(axis=0), [5, 0, 15], atol=0.15)


def test_with_no_gap_the_p_value_is_below_5_percent_in_about_5_percent_of_tables():
    ps, held = [], []
    for seed in range(120):
        table = counts([120, 60, 60], [1.0, 1.0, 1.0], seed=seed)
        found = auc_gap(table, rng=np.random.default_rng(seed), draws=100)
        ps.append(found.null.p_value)
        held.append(found.estimate.low == 0)
    assert np.mean(np.array(ps) <= 0.05) < 0.12
    assert np.mean(held) > 0.9


def test_perfect_separation_leaves_an_interval():
    table = score_counts([0] * 20 + [1] * 20, [0.1] * 20 + [0.9] * 20, ["a", "b"] * 20)
    found = auc_gap(table, rng=np.random.default_rng(0), draws=50)
    assert found.estimate.value == 0
    assert 0.1 < found.estimate.high <= 1
    assert np.isfinite(found.critical)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (([1, 0] * 20, [0.5, 0.4] * 20, ["a"] * 40), "1 group"),
        (([1] * 20 + [1, 0] * 10, [0.5] * 40, ["a"] * 20 + ["b"] * 20), "1 group"),
        (([1, 0], [0.5, 0.4], ["a", "b"]), "0 groups"),
    ],
)
def test_fewer_than_two_groups_with_both_outcomes_are_undefined(table: tuple, reason: str):
    found = auc_gap(score_counts(*table), rng=np.random.default_rng(0), draws=5)
    assert np.isnan(found.estimate.value)
    assert reason in found.estimate.reason
    assert np.isnan(found.null.mean)


def test_who_is_left_out_is_said_without_telling_on_few_rows():
    y = [1] * 12 + [0] * 12 + [1] * 1 + [0] * 3 + [1, 0] * 12
    group = ["a"] * 24 + ["b"] * 4 + ["c"] * 24
    found = auc_gap(score_counts(y, np.linspace(0, 1, 52), group), rng=np.random.default_rng(0))
    assert dict(found.measured.left_out) == {"b": "fewer than 10 positives and negatives"}


def test_coarser_scores_keep_every_row_and_resolve_the_rarer_outcome():
    rng = np.random.default_rng(0)
    y = (np.arange(5000) < 100).astype(int)
    score = np.where(y == 1, rng.uniform(0.9, 1, 5000), rng.uniform(0, 1, 5000))
    table = score_counts(y, score, np.zeros(5000))
    coarse = table.coarser(32)
    assert len(coarse.scores) <= 32
    assert coarse.rows.tolist() == [5000]
    assert coarse.positives.sum() == 100
    assert (coarse.positives[0] > 0).sum() >= 15
    assert set(coarse.scores) <= set(table.scores)
    assert coarse.at(coarse.scores[3]).equals(table.at(coarse.scores[3]))
