"""Exposure of items: by hand, by law, planted."""

import numpy as np
import pytest
from scipy.stats import t

from auditkit.bias.rankings.exposure import exposure
from auditkit.bias.rankings.popularity import gini, popularity_bands
from auditkit.errors import DataError
from auditkit.statistics.intervals import rate_interval

LOG3 = np.log2(3)


def test_shares_are_those_worked_out_by_hand() -> None:
    # Two users; each sees x first, then y; u likes x three times as much, v likes both alike.
    found = exposure(
        ["u", "u", "v", "v"], ["x", "y", "x", "y"], [3, 1, 2, 2], [2, 1, 2, 1], list("xyxy"), k=2
    )
    first = 1 / (1 + 1 / LOG3)
    groups = found.groups
    assert groups["exposure"].to_dict() == pytest.approx({"x": first, "y": 1 - first})
    assert groups["merit"].to_dict() == pytest.approx({"x": 5 / 8, "y": 3 / 8})
    assert groups["ideal"]["x"] == pytest.approx((first + 0.5) / 2)
    assert groups["ratio"]["x"] == pytest.approx(first / (5 / 8))
    assert groups["random"]["y"] == pytest.approx(0.5 / (3 / 8))
    assert groups[["items", "candidates"]].to_numpy().tolist() == [[1, 2], [1, 2]]
    assert found.least == "x"
    assert found.least_ratio.value == pytest.approx(first / (5 / 8))
    assert found.gini == pytest.approx(first - 0.5)  # two items: half the difference
    assert found.of_catalogue.sum() == 1
    assert found.of_catalogue.tolist() == (found.groups["items"] / 2).tolist()
    assert found.gini_random == pytest.approx(0)


def test_every_share_adds_up_and_a_perfect_order_is_the_ideal() -> None:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 30, 600), rng.integers(0, 80, 600)
    relevance = rng.integers(0, 5, 600)
    groups = np.array(["a", "b", "c"])[items % 3]
    found = exposure(users, items, relevance, relevance, groups)
    for share in ("merit", "exposure", "ideal"):
        assert found.groups[share].sum() == pytest.approx(1)
    assert found.groups["exposure"].to_numpy() == pytest.approx(found.groups["ideal"].to_numpy())
    assert found.gini == pytest.approx(found.gini_ideal)


def test_equal_scores_are_random_orders() -> None:
    rng = np.random.default_rng(1)
    users, items = np.repeat(np.arange(20), 12), rng.integers(0, 40, 240)
    relevance, groups = rng.integers(1, 6, 240), items % 4
    found = exposure(users, items, relevance, np.zeros(240), groups, relevant_from=4)
    assert found.groups["ratio"].to_numpy() == pytest.approx(found.groups["random"].to_numpy())
    assert found.groups["recall"].to_numpy() == pytest.approx(
        found.groups["recall_random"].to_numpy()
    )
    assert found.more_unequal.value == pytest.approx(0)


def planted(seed: int, *, push: float, users: int = 80) -> tuple[np.ndarray, ...]:
    """Items of two groups alike to users; scores of group b lower by `push`."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), 20)
    item = rng.integers(0, 100, len(user))
    relevance = rng.integers(1, 6, len(user))
    b = item % 2 == 0
    scores = relevance + rng.normal(size=len(user)) - push * b
    return user, item, relevance, scores, np.where(b, "b", "a")


def test_items_pushed_down_are_found_and_others_are_not() -> None:
    pushed = exposure(*planted(0, push=1.5))
    assert pushed.least == "b"
    assert pushed.least_ratio.high < 1
    assert pushed.groups.loc["b", "recall"] < pushed.groups.loc["a", "recall"]
    even = exposure(*planted(0, push=0.0))
    assert even.least_ratio.low < 1 < even.groups["high"].max()


def test_the_ratio_of_the_least_is_rarely_below_one_by_chance() -> None:
    # Ratios of a fair ranking are 1 in both groups: users are the units.
    low = [exposure(*planted(seed, push=0.0, users=40)).least_ratio.high < 1 for seed in range(100)]
    assert np.mean(low) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)


def test_a_group_that_nobody_sees_is_the_least_with_a_limit_by_the_users_asked() -> None:
    users = np.repeat(np.arange(30), 4)
    items = np.tile([0, 1, 2, 3], 30)
    groups = np.tile(["a", "a", "b", "c"], 30)
    rng = np.random.default_rng(0)
    scores = np.tile([3.0, 3, 2, 0], 30) + rng.normal(scale=0.8, size=120) * np.tile(
        [1, 1, 1, 0], 30
    )
    scores[3::4] = -9
    found = exposure(users, items, np.tile([2, 1, 2, 1], 30), scores, groups, k=2)
    assert found.groups.loc["c", "ratio"] == 0
    # Of 30 users none saw it: by the limit of 0 in 30, over a merit of 1/6.
    most = rate_interval(0, 30)[1] * 6
    assert found.groups.loc["c", ["low", "high"]].tolist() == [0, pytest.approx(most)]
    assert (found.least, found.least_ratio.value, found.least_ratio.low) == ("c", 0, 0)
    surer = rate_interval(0, 30, confidence=1 - 0.05 / 3)[1] * 6  # it is the least of three
    assert found.least_ratio.high == pytest.approx(surer)


def test_users_who_are_all_alike_give_no_interval() -> None:
    found = exposure(np.repeat(range(6), 2), [0, 1] * 6, [3, 1] * 6, [2, 1] * 6, ["a", "b"] * 6)
    assert found.groups["ratio"].notna().all()
    assert found.groups[["low", "high", "recall low", "recall high"]].isna().all(axis=None)
    assert np.isnan([found.least_ratio.low, found.more_unequal.high]).all()
    assert found.least_ratio.reason == found.more_unequal.reason == "nothing was seen to vary"


def test_users_who_say_nothing_are_left_out_and_no_merit_is_undefined() -> None:
    users = ["one", "flat", "flat", *["u"] * 3, *["v"] * 3]
    items = ["a", "a", "b", *"abc", *"abc"]
    relevance = [5, 0, 0, 2, 1, 0, 1, 2, 0]
    groups = ["A", "A", "B", *"ABC", *"ABC"]
    found = exposure(users, items, relevance, np.arange(9), groups)
    assert found.groups["candidates"].to_dict() == {"A": 2, "B": 2, "C": 2}
    assert np.isnan(found.groups.loc["C", "ratio"])
    nobody = exposure(["flat"] * 2, ["a", "b"], [0, 0], [1, 2], ["A", "B"])
    assert nobody.least == ""
    assert np.isnan(nobody.least_ratio.value)
    assert np.isnan(nobody.more_unequal.value)


def test_small_groups_are_not_picked() -> None:
    user, item, relevance, scores, groups = planted(2, push=0.5)
    groups = groups.astype(object)
    rows = np.flatnonzero((user < 3) & (groups == "b"))
    groups[rows], scores[rows[0]] = "few", 9
    found = exposure(user, item, relevance, scores, groups, min_group_size=10)
    assert found.least in ("a", "b")
    assert "few" in found.groups.index


def test_rows_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(DataError, match="the item is missing in 1 of 2 rows"):
        exposure(["u", "u"], ["x", None], [1, 1], [1, 2], ["a", "b"])
    with pytest.raises(DataError, match="1 items beside 2 relevances"):
        exposure(["u", "u"], ["x"], [1, 1], [1, 2], ["a", "b"])
    with pytest.raises(DataError, match="relevance is -1"):
        exposure(["u", "u"], ["x", "y"], [1, -1], [1, 2], ["a", "b"])
    with pytest.raises(DataError, match="different lengths"):
        exposure(["u", "u"], ["x", "y"], [1, 1], [1, 2], ["a"])


def test_gini_is_nought_for_equals_and_nearly_one_for_one() -> None:
    assert gini([2, 2, 2]) == pytest.approx(0)
    assert gini([0, 0, 0, 7]) == pytest.approx(1 - 1 / 4)
    assert gini([1, 2, 3]) == pytest.approx(2 / 9)  # mean difference 8/9 over twice the mean
    assert gini(np.array([[1, 2, 3], [5, 5, 5]])) == pytest.approx([2 / 9, 0])
    assert np.isnan(gini([0, 0]))


def test_bands_hold_a_third_of_the_rows_each() -> None:
    known = ["hit"] * 6 + ["b"] * 3 + ["c"] * 3 + ["d", "e", "f"] * 2
    found, table = popularity_bands(["hit", "b", "c", "d", "new", "hit"], known)
    assert list(found) == ["popular", "middling", "middling", "rare", "never seen", "popular"]
    assert table.to_dict("index") == {
        "popular": {"items": 1, "from": 6, "to": 6},
        "middling": {"items": 2, "from": 3, "to": 3},
        "rare": {"items": 1, "from": 2, "to": 2},
        "never seen": {"items": 1, "from": 0, "to": 0},
    }


def test_items_named_equally_often_share_a_band() -> None:
    found, _ = popularity_bands(list("abcdef"), list("abcdef"))
    assert set(found) == {"popular"}


def test_the_gini_above_chance_has_the_jackknifes_interval_over_users() -> None:
    rng = np.random.default_rng(5)
    users, items = np.repeat(range(8), 4), np.tile(range(4), 8)
    relevance, scores = rng.integers(1, 4, 32).astype(float), rng.normal(size=32)
    found = exposure(users, items, relevance, scores, items.astype(str), k=3).more_unequal

    def above(kept: np.ndarray) -> float:
        shown = np.zeros(4)
        for user in kept:
            order = items[users == user][np.argsort(-scores[users == user])]
            shown[order[:3]] += np.array([1, 1 / LOG3, 1 / 2])
        return float(gini(shown))  # of random orders it is 0

    left_out = [above(np.delete(np.arange(8), one)) for one in range(8)]
    half = t.ppf(0.975, 7) * np.sqrt(7 * np.var(left_out))
    assert found.value == pytest.approx(above(np.arange(8)))
    assert found.high - found.value == pytest.approx(half)
