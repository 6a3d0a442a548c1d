"""Rows of one person tell less than as many independent ones: by hand, by law, by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from scipy.stats import t as student

from auditkit.bias.clusters import cluster_null, clustered, clustered_counts, drawn_clusters
from auditkit.bias.disparity import disparity, rows_needed
from auditkit.bias.groups import group_counts
from auditkit.bias.pairs import Contest
from auditkit.errors import DataError


def rows(n: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    p = np.where(rng.random(n) < 0.7, y, 1 - y)
    return y, p, rng.choice(["a", "b", "c"], n)


def people(
    clusters: int, groups: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of people alike within themselves: hits, groups, people. Every true rate is .3."""
    person = np.repeat(np.arange(clusters * groups), rng.integers(1, 9, clusters * groups))
    own = rng.beta(0.7, 0.7 * 7 / 3, clusters * groups)[person]
    return (rng.random(len(person)) < own).astype(int), person % groups, person


def test_the_counts_are_those_of_the_rows():
    y, p, group = rows()
    counts, _ = clustered_counts(y, p, group, np.arange(400) // 4)
    pd.testing.assert_frame_equal(counts, group_counts(y, p, group))


def test_clusters_of_the_same_content_are_one_line():
    counts, clusters = clustered_counts([1, 1, 1, 1], [1, 0, 0, 1], list("abab"), [1, 1, 2, 2])
    assert (clusters.total, clusters.times.tolist()) == (2, [1, 1])
    _, same = clustered_counts([1, 1, 1, 1], [1, 0, 1, 0], list("abab"), [1, 1, 2, 2])
    assert (same.total, same.times.tolist()) == (2, [2])
    assert counts.loc["a", "tp"] == 1


def test_four_people_of_two_rows_each_by_hand():
    # Hits 2, 0, 2, 0 of 2 each: p = 1/2, residuals +-1, V = 4/8^2 x 4/3 = 1/12, p(1-p)/V = 3.
    hits = np.array([1, 1, 0, 0, 1, 1, 0, 0])
    counts, clusters = clustered_counts(np.ones(8, int), hits, ["a"] * 8, np.arange(8) // 2)
    found = clustered(Contest.of(counts, "selection_rate"), clusters)
    few = (1.959964 / student.ppf(0.975, 3)) ** 2
    assert found.support == pytest.approx([3 * few], rel=1e-6)
    assert found.n == pytest.approx([8])


def test_where_all_rows_agree_a_person_counts_once():
    counts, clusters = clustered_counts(
        np.ones(20, int), np.ones(20, int), ["a"] * 20, np.arange(20) // 5
    )
    few = (1.959964 / student.ppf(0.975, 3)) ** 2
    support = clustered(Contest.of(counts, "selection_rate"), clusters).support
    assert support == pytest.approx([4 * few], rel=1e-6)


@pytest.mark.parametrize("comparison", ["difference", "ratio"])
@pytest.mark.parametrize("name", ["demographic_parity", "equalized_odds", "predictive_parity"])
def test_ten_copies_of_every_row_tell_no_more_than_the_rows(name, comparison):
    y, p, group = rows()
    options = {"comparison": comparison, "draws": 500}
    single = disparity(group_counts(y, p, group), name, rng=np.random.default_rng(0), **options)
    copies = [np.repeat(one, 10) for one in (y, p, group)]
    counts, clusters = clustered_counts(*copies, np.repeat(np.arange(400), 10))
    told, blind = (
        disparity(counts, name, rng=np.random.default_rng(0), clusters=one, **options)
        for one in (clusters, None)
    )
    width = single.estimate.high - single.estimate.low
    assert told.estimate.value == pytest.approx(single.estimate.value)
    assert told.estimate.low == pytest.approx(single.estimate.low, abs=0.06 * width)
    assert told.estimate.high == pytest.approx(single.estimate.high, abs=0.06 * width)
    assert told.null.mean == pytest.approx(single.null.mean, abs=0.15 * abs(1 - width))
    assert blind.estimate.high - blind.estimate.low < 0.6 * width
    assert "400 clusters" in told.estimate.method
    assert told.estimate.n == blind.estimate.n == 10 * single.estimate.n


def test_drawing_profiles_is_drawing_clusters():
    rng = np.random.default_rng(3)
    hit, group, person = people(12, 2, rng)
    counts, clusters = clustered_counts(np.ones_like(hit), hit, group, person)
    (sample,) = drawn_clusters([Contest.of(counts, "selection_rate")], clusters, 2000, rng)
    rate = sample[0][:, 0] / sample[1][:, 0]
    frame = pd.DataFrame({"hit": hit, "a": group == 0, "person": person})
    sums = frame.assign(both=frame.hit * frame.a).groupby("person")[["both", "a"]].sum().to_numpy()
    again = sums[rng.integers(0, len(sums), (2000, len(sums)))].sum(axis=1)
    assert ks_2samp(rate, again[:, 0] / again[:, 1]).pvalue > 0.001


def test_three_people_against_three_have_the_exact_p_of_one_in_ten():
    hits = np.repeat([1, 1, 1, 0, 0, 0], 5)
    counts, clusters = clustered_counts(
        np.ones(30, int), hits, np.repeat(list("aaabbb"), 5), np.repeat(np.arange(6), 5)
    )
    contest = [Contest.of(counts, "selection_rate")]
    rng = np.random.default_rng(0)
    null = cluster_null(contest, clusters, 1.0, comparison="difference", draws=20_000, rng=rng)
    assert null.p_value == pytest.approx(0.1, abs=0.01)


def test_where_clusters_hold_several_groups_the_null_is_about_their_common_rate():
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(120):
        hit, _, person = people(40, 2, rng)
        group = rng.integers(0, 2, len(hit))
        counts, clusters = clustered_counts(np.ones_like(hit), hit, group, person)
        found = disparity(counts, "selection_rate", rng=rng, draws=100, clusters=clusters)
        p_values.append(found.null.p_value)
    assert np.mean(np.array(p_values) <= 0.05) < 0.11
    assert 0.4 < np.mean(p_values) < 0.62


def test_intervals_hold_for_people_and_those_of_their_rows_do_not():
    rng = np.random.default_rng(5)
    held, blind = [], []
    for _ in range(150):
        hit, group, person = people(20, 3, rng)
        counts, clusters = clustered_counts(np.ones_like(hit), hit, group, person)
        for seen, one in ((held, clusters), (blind, None)):
            found = disparity(counts, "selection_rate", rng=rng, draws=200, clusters=one)
            seen.append(bool((found.pairs["low"] <= 0).all()))
    assert np.mean(held) >= 0.94 - 2 * (0.94 * 0.06 / 150) ** 0.5
    assert np.mean(blind) < 0.85


def test_more_people_are_needed_where_their_rows_are_alike():
    y, p, group = rows()
    copies = [np.repeat(one, 10) for one in (y, p, group)]
    counts, clusters = clustered_counts(*copies, np.repeat(np.arange(400), 10))
    told = disparity(counts, "selection_rate", rng=np.random.default_rng(0), clusters=clusters)
    single = group_counts(y, p, group)
    alone = disparity(single, "selection_rate", rng=np.random.default_rng(0))
    needed = rows_needed(single, alone, 0.1)
    assert needed is not None
    assert rows_needed(counts, told, 0.1) == pytest.approx(10 * needed, rel=0.1)


def test_rows_without_a_cluster_are_one_together():
    _, clusters = clustered_counts([1] * 4, [1, 0, 1, 0], list("aabb"), ["x", None, None, None])
    assert clusters.total == 2


def test_single_rows_are_no_clusters():
    _, clusters = clustered_counts([1, 1], [1, 0], list("ab"), [7, 8])
    assert clusters.alone


def test_a_cluster_column_of_another_length_is_refused():
    with pytest.raises(DataError, match="2 values for 3 rows"):
        clustered_counts([1, 0, 1], [1, 0, 1], list("abc"), [1, 2])
