"""Rankings: by hand, beside scikit-learn, and over all orders of ties."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t, ttest_1samp
from sklearn.metrics import ndcg_score

from auditkit.bias.rankings.ranking import by_user, liked_from, ranked
from auditkit.bias.rankings.ranking_gaps import groups_of_users, service_gap
from auditkit.bias.rankings.user_means import (
    error_of,
    gain_over_random,
    in_random_order,
    served,
    within_groups,
)
from auditkit.errors import DataError, UsageError

LOG3 = np.log2(3)


def test_ndcg_recall_and_rank_are_those_worked_out_by_hand() -> None:
    # Ranked b, c, a with relevances 1, 0, 3; best order 3, 1, 0.
    found = by_user(["u"] * 3, [3, 1, 0], [0.1, 0.9, 0.5], k=2, relevant_from=3).loc["u"]
    assert found["ndcg"] == pytest.approx(1 / (3 + 1 / LOG3))
    assert found["recall"] == 0  # the 3 is third
    assert found["mrr"] == pytest.approx(1 / 3)
    # At random: each place has a third of what two places are worth, and of the relevance.
    assert found["ndcg_random"] == pytest.approx((1 + 1 / LOG3) * 4 / 3 / (3 + 1 / LOG3))
    assert found["recall_random"] == pytest.approx(2 / 3)
    assert found["mrr_random"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_users_who_say_nothing_of_an_order_are_undefined_and_told_why() -> None:
    users = ["alone", "bored", "bored", "zero", "zero", "fine", "fine"]
    found = by_user(users, [5, 1, 1, 0, 0, 5, 1], [1, 2, 3, 1, 2, 2, 1], relevant_from=4)
    assert found["reason"].to_dict() == {
        "alone": "one candidate",
        "bored": "nothing relevant",
        "fine": "",
        "zero": "nothing relevant",
    }
    assert found["ndcg"].isna().to_dict() == {
        "alone": True,
        "bored": False,  # equal relevances are an order without a fault
        "fine": False,
        "zero": True,
    }
    for measure in ("recall", "mrr"):
        assert found.index[found[measure].notna()].tolist() == ["fine"]
        assert found.index[found[f"{measure}_random"].notna()].tolist() == ["fine"]
    assert found.loc["bored", "ndcg"] == pytest.approx(1)


def over_all_orders(scores: np.ndarray, hit: np.ndarray, k: int) -> tuple[float, float]:
    """Recall and reciprocal rank, the mean over every order that the scores allow."""
    recall, rank = [], []
    for order in permutations(range(len(scores))):
        own = scores[list(order)]
        if (own[:-1] >= own[1:]).all():
            seen = hit[list(order)]
            recall.append(seen[:k].sum() / seen.sum())
            rank.append(1 / (1 + seen.argmax()))
    return float(np.mean(recall)), float(np.mean(rank))


@pytest.mark.parametrize("seed", range(25))
def test_each_user_is_as_scikit_learn_and_all_orders_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, size=rng.integers(1, 7))
    users = rng.permutation(np.repeat([f"u{i}" for i in range(len(sizes))], sizes))
    relevance = rng.integers(0, 5, len(users)).astype(float)
    scores = rng.integers(0, 4, len(users)) / 2  # many ties
    k = int(rng.integers(1, 8))
    found = by_user(users, relevance, scores, k=k, relevant_from=3)
    assert set(found.index) == set(users)
    for user, line in found.iterrows():
        own, said = relevance[users == user], scores[users == user]
        assert line["candidates"] == len(own)
        assert line["relevant"] == (own >= 3).sum()
        if len(own) > 1 and own.any():
            assert line["ndcg"] == pytest.approx(ndcg_score([own], [said], k=k))
            flat = ndcg_score([own], [np.zeros_like(said)], k=k)
            assert line["ndcg_random"] == pytest.approx(flat)
        if len(own) > 1 and (own >= 3).any():
            for name, order in (("", said), ("_random", np.zeros_like(said))):
                recall, rank = over_all_orders(order, own >= 3, k)
                assert line[f"recall{name}"] == pytest.approx(recall)
                assert line[f"mrr{name}"] == pytest.approx(rank)


def test_a_thousand_ties_are_no_overflow() -> None:
    hit = np.arange(1500) < 700
    found = by_user(["u"] * 1500, hit, np.zeros(1500), k=10).loc["u"]
    assert found["recall"] == pytest.approx(10 / 1500)
    # Like drawing until the first of 700: about 1 at 700/1500, 1/2 after one miss, ...
    p = 700 / 1500
    assert found["mrr"] == pytest.approx(-p * np.log(p) / (1 - p), abs=1e-3)


def test_the_order_of_rows_and_a_rising_function_of_scores_change_nothing() -> None:
    rng = np.random.default_rng(0)
    users, relevance = rng.integers(0, 9, 200), rng.integers(0, 5, 200)
    scores = rng.normal(size=200)
    first = by_user(users, relevance, scores)
    order = rng.permutation(200)
    second = by_user(users[order], relevance[order], np.exp(scores[order]))
    pd.testing.assert_frame_equal(first.sort_index(), second.sort_index())


def test_a_perfect_order_is_one_and_a_reversed_one_the_worst() -> None:
    relevance = np.tile([0, 1, 2, 3, 4], 40)
    users = np.repeat(np.arange(40), 5)
    best, worst = (by_user(users, relevance, side * relevance, k=3) for side in (1, -1))
    assert best["ndcg"].tolist() == pytest.approx([1.0] * 40)
    assert (worst["ndcg"] < worst["ndcg_random"]).all()
    assert gain_over_random(best, "ndcg").low > 0
    assert gain_over_random(worst, "ndcg").high < 0


def test_a_random_order_puts_the_better_of_two_items_first_half_of_the_time() -> None:
    per_user = by_user(
        ["u", "u", "v", "v", "v", "w"], [0, 1, 0, 1, 1, 1], [1.0, 2, 3, 4, 5, 6], k=1
    )
    assert in_random_order(per_user.loc[["u"]], "ndcg") == pytest.approx(0.5)
    assert in_random_order(per_user.drop("w"), "ndcg") == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert in_random_order(per_user, "ndcg") == in_random_order(per_user.drop("w"), "ndcg")


def test_a_place_beyond_k_is_worth_nothing() -> None:
    order = ranked(["u"] * 4, [4, 3, 2, 1], k=2)
    assert order.discount.tolist() == pytest.approx([1, 1 / LOG3, 0, 0])
    assert order.inside.tolist() == [1, 1, 0, 0]
    assert ranked(["u"] * 4, [1, 1, 1, 1], k=2).inside.tolist() == [0.5] * 4


@pytest.mark.parametrize(
    ("users", "relevance", "scores", "message"),
    [
        (["a", "b"], [1, 1], [1], "2 users beside 1 scores"),
        (["a", "b"], [1], [1, 2], "1 relevances beside 2 scores"),
        ([], [], [], "no rows to rank"),
        (["a", None], [1, 1], [1, 2], "the user is missing in 1 of 2 rows"),
        (["a", "a"], [1, 1], [1, np.nan], "score is nan in row 2"),
        (["a", "a"], [1, 1], [np.inf, 1], "score is inf in row 1"),
        (["a", "a"], [1, np.nan], [1, 2], "relevance is nan in row 2"),
        (["a", "a"], [1, -2], [1, 2], "relevance is -2 in row 2"),
    ],
)
def test_rows_that_cannot_be_ranked_are_refused(
    users: list[str], relevance: list[float], scores: list[float], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        by_user(users, relevance, scores)


def test_what_is_asked_wrongly_is_refused() -> None:
    with pytest.raises(UsageError, match="k is 0"):
        by_user(["a", "a"], [1, 2], [1, 2], k=0)
    per_user = by_user(["a", "a"], [1, 2], [1, 2])
    with pytest.raises(UsageError, match="no measure 'map'; there are ndcg, recall, mrr"):
        served(per_user, "map")
    with pytest.raises(UsageError, match="draws is 0"):
        service_gap(
            per_user,
            "ndcg",
            groups_of_users(["a"], ["x"]),
            rng=np.random.default_rng(0),
            draws=0,
        )
    with pytest.raises(DataError, match="no ratings"):
        liked_from([])


def test_the_ratings_that_are_liked_begin_at_the_mean() -> None:
    assert liked_from([1, 2, 3, 4, 5]) == 3
    assert liked_from([1, 4, 4, 5]) == 4
    assert liked_from([2, 2]) == 2


def test_a_group_is_a_users_own() -> None:
    groups = groups_of_users([1, 1, 2, 3], ["x", "x", "y", None])
    assert groups.astype(str).to_dict() == {"1": "x", "2": "y", "3": "(missing)"}
    with pytest.raises(DataError, match="user 1 is in several groups"):
        groups_of_users([1, 1], ["x", "y"])


def people(
    seed: int, *, loss: float = 0.0, users: int = 120, items: int = 15
) -> tuple[pd.DataFrame, pd.Series]:
    """Users with ratings; of every other one the scores are so much noisier."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), items)
    relevance = rng.integers(0, 5, len(user))
    noise = np.where(user % 2 == 0, 1.0, 1.0 + loss)
    scores = relevance + noise * rng.normal(size=len(user))
    per_user = by_user(user, relevance, scores, k=5, relevant_from=3)
    return per_user, groups_of_users(user, np.where(user % 2 == 0, "even", "odd"))


def test_a_planted_gap_is_found_and_none_is_not() -> None:
    rng = np.random.default_rng(0)
    gap = service_gap(*_with(people(1, loss=4.0)), rng=rng)
    assert (gap.lowest, gap.highest) == ("odd", "even")
    assert gap.estimate.low > 0
    assert gap.null.p_value < 0.01
    even = service_gap(*_with(people(1)), rng=rng)
    assert even.estimate.low == 0
    assert even.null.p_value > 0.05
    assert even.estimate.value < even.null.upper


def _with(made: tuple[pd.DataFrame, pd.Series]) -> tuple[pd.DataFrame, str, pd.Series]:
    return made[0], "ndcg", made[1]


def test_users_are_the_units_of_intervals_and_null() -> None:
    rng = np.random.default_rng(0)
    false, covered = [], []
    for seed in range(100):
        gap = service_gap(*_with(people(seed, users=60)), rng=rng, draws=200)
        false.append(gap.null.p_value <= 0.05)
        covered.append(gap.estimate.low == 0)
    assert np.mean(false) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)
    assert np.mean(covered) >= 0.94 - 2 * np.sqrt(0.94 * 0.06 / 100)


def test_the_measure_of_a_group_is_the_mean_of_its_users() -> None:
    per_user, groups = people(3)
    gap = service_gap(per_user, "recall", groups, rng=np.random.default_rng(0))
    means = per_user["recall"].groupby(groups.reindex(per_user.index), observed=True).mean()
    assert gap.groups["value"].to_dict() == pytest.approx(means.to_dict())
    assert gap.estimate.value == pytest.approx(abs(means["odd"] - means["even"]))
    assert served(per_user, "recall").value == pytest.approx(per_user["recall"].mean())


def test_small_groups_are_left_out_by_name_and_one_group_is_no_gap() -> None:
    per_user, groups = people(4)
    few = groups.astype(str).where(~groups.index.isin(["1", "3", "5"]), "few")
    again = groups_of_users(few.index, few.to_numpy())
    gap = service_gap(per_user, "ndcg", again, rng=np.random.default_rng(0), min_group_size=10)
    assert gap.measured.left_out == {"few": "fewer than 10 users"}
    assert gap.estimate.defined
    alone = groups_of_users(groups.index, ["x"] * len(groups))
    one = service_gap(per_user, "ndcg", alone, rng=np.random.default_rng(0))
    assert np.isnan(one.estimate.value)
    assert "a gap needs two" in one.estimate.reason


def test_users_without_a_value_count_in_no_group() -> None:
    per_user, groups = people(5)
    per_user = per_user.assign(ndcg=per_user["ndcg"].mask(per_user.index.isin(["0", "2"])))
    gap = service_gap(per_user, "ndcg", groups, rng=np.random.default_rng(0))
    assert gap.groups["n"].to_dict() == {"even": 58, "odd": 60}


def test_within_a_group_of_items_these_alone_are_ranked() -> None:
    users = ["a"] * 4 + ["b"] * 3
    relevance, scores = [3, 1, 2, 0, 1, 2, 3], [4, 3, 1, 2, 1, 2, 3]
    groups = ["x", "x", "y", "y", "x", "x", "y"]
    found = within_groups(users, relevance, scores, groups, k=5)
    assert found.loc["x", "ndcg"] == pytest.approx(1.0)
    assert found.loc["x", "users"] == 2
    assert found.loc["y", "users"] == 1  # b has one y
    assert found.loc["y", "ndcg"] == pytest.approx((2 / LOG3) / 2)


def test_where_all_are_served_alike_at_an_end_of_the_scale_the_interval_has_a_width() -> None:
    per_user = by_user(np.repeat(np.arange(50), 2), [5, 1] * 50, [2, 1] * 50, relevant_from=4)
    rank = served(per_user, "mrr")
    assert (rank.value, rank.high) == (1, 1)
    assert 0.9 < rank.low < 0.99  # one user in fifty could have been served otherwise
    middle = np.linspace(0.3, 0.9, 50)
    assert error_of(middle) == pytest.approx(middle.std() / np.sqrt(50))


def test_standard_errors_of_draws_are_those_of_the_drawn_rows() -> None:
    rng = np.random.default_rng(0)
    values = np.array([0.2, 1.0, 0.5, 0.0, 0.7])
    counts = rng.multinomial(5, np.full(5, 0.2), size=20)
    for line, error in zip(counts, error_of(values, counts, 0.01), strict=True):
        assert error == pytest.approx(error_of(np.repeat(values, line), pooled=0.01))


def test_a_gain_that_is_the_same_for_every_user_has_a_width_all_the_same() -> None:
    per_user = by_user(np.repeat(np.arange(6), 4), [3, 2, 1, 0] * 6, [4, 3, 2, 1] * 6)
    gain = gain_over_random(per_user, "ndcg")
    # All six are at 1: the user added would be at 0, so that the standard error is 1/6.
    assert gain.value - gain.low == pytest.approx(t.ppf(0.975, 5) / 6)
    # Where users vary and none is at an end of the scale it is Student's.
    rng = np.random.default_rng(3)
    values = pd.DataFrame({"ndcg": rng.uniform(0.2, 0.9, 9), "ndcg_random": np.full(9, 0.3)})
    student = ttest_1samp(values["ndcg"] - 0.3, 0).confidence_interval()
    found = gain_over_random(values, "ndcg")
    assert (found.low, found.high) == pytest.approx((student.low, student.high))


def test_the_user_added_lies_at_the_far_end_in_as_much_as_users_lie_at_an_end() -> None:
    # All four lie at an end, and their mean is .75: a fifth at 0 is .75 away.
    values = np.array([1.0, 1.0, 1.0, 0.0])
    assert error_of(values) == pytest.approx(np.sqrt((0.75 + 1.0 * 0.75**2) / 16))
    assert error_of(np.array([1.0, 0.5])) == pytest.approx(np.sqrt((0.125 + 0.5 * 0.75**2) / 4))
    assert error_of(values, pooled=2.0) == pytest.approx(np.sqrt((0.75 + 2) / 16))
