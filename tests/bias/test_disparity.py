import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from auditkit.bias.disparity import DISPARITIES, Disparity, disparity, rows_needed
from auditkit.bias.groups import CELLS, RATES
from auditkit.errors import UsageError
from auditkit.statistics.intervals import difference_interval, z_of


def table(**groups: tuple[int, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(groups, orient="index", columns=list(CELLS))


def chosen(*groups: tuple[int, int]) -> pd.DataFrame:
    """Counts of groups g0, g1, ... given as selected of all."""
    return table(**{f"g{i}": (hits, 0, rows - hits, 0) for i, (hits, rows) in enumerate(groups)})


def measure(counts: pd.DataFrame, name: str = "demographic_parity", **options) -> Disparity:
    return disparity(counts, name, rng=np.random.default_rng(0), **options)


# tp, fp, fn, tn            selection  TPR   FPR  precision  accuracy
COUNTS = table(
    a=(30, 10, 20, 40),  #      .40    .60   .20     .75        .70
    b=(40, 25, 10, 25),  #      .65    .80   .50    8/13        .65
    c=(45, 5, 45, 5),  #        .50    .50   .50     .90        .50
)


@pytest.mark.parametrize(
    ("name", "gap", "rate", "lowest", "highest"),
    [
        ("demographic_parity", 0.25, "selection_rate", "a", "b"),
        ("equal_opportunity", 0.30, "true_positive_rate", "c", "b"),
        ("equalized_odds", 0.30, "true_positive_rate", "c", "b"),
        ("predictive_parity", 0.9 - 8 / 13, "precision", "b", "c"),
        ("accuracy_equality", 0.20, "accuracy", "c", "a"),
    ],
)
def test_differences_worked_out_by_hand(
    name: str, gap: float, rate: str, lowest: str, highest: str
) -> None:
    found = measure(COUNTS, name)
    assert found.estimate.value == pytest.approx(gap)
    assert (found.rate, found.lowest, found.highest) == (rate, lowest, highest)


@pytest.mark.parametrize(
    ("name", "ratio", "rate"),
    [
        ("demographic_parity", 40 / 65, "selection_rate"),
        ("equalized_odds", 0.4, "false_positive_rate"),
        ("predictive_parity", 80 / 117, "precision"),
    ],
)
def test_ratios_worked_out_by_hand(name: str, ratio: float, rate: str) -> None:
    found = measure(COUNTS, name, comparison="ratio")
    assert found.estimate.value == pytest.approx(ratio)
    assert found.rate == rate


@pytest.mark.parametrize("comparison", ["difference", "ratio"])
@pytest.mark.parametrize("name", [*DISPARITIES, *RATES])
def test_every_gap_lies_in_its_interval_and_in_its_range(name: str, comparison) -> None:
    found = measure(COUNTS, name, comparison=comparison)
    estimate = found.estimate
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert len(found.pairs) == 3 * len(DISPARITIES.get(name, (name,)))
    assert found.critical >= z_of(0.95)
    assert 0 < found.null.p_value <= 1


def test_two_groups_have_the_score_interval_of_one_pair() -> None:
    found = measure(chosen((60, 100), (45, 100)))
    low, high = difference_interval(60, 100, 45, 100, found.critical)
    assert (found.estimate.low, found.estimate.high) == (pytest.approx(low), pytest.approx(high))
    assert found.critical == pytest.approx(1.96, abs=0.1)


def test_pairs_name_the_higher_rate_first_and_the_extreme_is_among_them() -> None:
    found = measure(COUNTS)
    assert found.pairs[["first", "second"]].to_numpy().tolist() == [
        ["b", "a"],
        ["c", "a"],
        ["b", "c"],
    ]
    assert found.pairs["value"].tolist() == pytest.approx([0.25, 0.10, 0.15])
    assert (found.pairs["low"] < found.pairs["value"]).all()
    assert found.estimate.low == max(0, found.pairs["low"].max())
    assert found.estimate.high == found.pairs["high"].max()
    ratio = measure(COUNTS, comparison="ratio")
    assert ratio.pairs["value"].tolist() == pytest.approx([40 / 65, 0.8, 50 / 65])
    assert ratio.estimate.low == ratio.pairs["low"].min()
    assert ratio.estimate.high == ratio.pairs["high"].min()


def test_equalized_odds_holds_for_both_rates_at_once() -> None:
    many = COUNTS * 20
    found = measure(many, "equalized_odds")
    assert found.critical > measure(many, "equal_opportunity").critical + 0.1
    by_rate = found.pairs.groupby("rate")[["low", "high"]].max()
    assert (by_rate["low"] > 0.1).all()
    assert found.estimate.low == by_rate["low"].max() > by_rate["low"].min()
    assert found.estimate.high == by_rate["high"].max()


def test_where_the_lower_group_may_well_be_the_higher_the_interval_says_so() -> None:
    counts = chosen((1, 50), (0, 20))  # the second group is small: its rate may be far above
    found = measure(counts)
    assert found.estimate.high == -found.pairs["low"][0] > found.pairs["high"][0]
    counts = chosen((1, 100), (29, 3000))
    ratio = measure(counts, comparison="ratio")
    assert ratio.estimate.low == 1 / ratio.pairs["high"][0] < ratio.pairs["low"][0]
    assert ratio.estimate.high == 1


def test_with_equal_rates_either_group_may_be_the_favoured_one() -> None:
    found = measure(chosen((30, 100), (30, 100)))
    assert found.estimate.value == found.estimate.low == 0
    assert found.pairs["low"][0] == pytest.approx(-found.pairs["high"][0])
    ratio = measure(chosen((30, 100), (30, 100)), comparison="ratio")
    assert ratio.estimate.value == ratio.estimate.high == 1
    assert ratio.estimate.low == pytest.approx(1 / ratio.pairs["high"][0])


def test_an_undefined_cell_leaves_the_gap_undefined_with_its_reason() -> None:
    counts = table(a=(3, 1, 2, 4), b=(2, 2, 2, 2), c=(0, 3, 0, 3))
    found = measure(counts, "equalized_odds")
    assert math.isnan(found.estimate.value)
    assert math.isnan(found.estimate.high)
    assert math.isnan(found.null.p_value)
    assert (
        found.estimate.reason == "true positive rate is undefined for c: no positives in this group"
    )
    assert found.pairs.columns.tolist() == ["rate", "first", "second", "value", "low", "high"]
    assert rows_needed(counts, found, 0.1) is None


def test_small_groups_are_left_out_by_name_of_the_rates_they_are_too_small_for() -> None:
    counts = table(a=(30, 10, 20, 40), b=(20, 20, 30, 30), c=(0, 30, 0, 30))
    found = measure(counts, "equalized_odds", min_group_size=1)
    assert found.left_out == {"c": "true positive rate rests on fewer than 1 rows"}
    assert (found.rate, found.lowest, found.highest) == ("false_positive_rate", "a", "c")
    assert measure(counts, min_group_size=61).left_out == {
        "c": "selection rate rests on fewer than 61 rows"
    }


@pytest.mark.parametrize(
    ("counts", "options", "reason"),
    [
        (table(a=(3, 1, 2, 4)), {}, "selection rate has 1 group to compare; a gap needs two"),
        (chosen((3, 9), (5, 9)), {"min_group_size": 50}, "0 groups to compare"),
        (chosen((0, 9), (0, 8)), {"comparison": "ratio"}, "selection rate is 0 in every group"),
    ],
)
def test_what_cannot_be_compared_is_undefined_with_its_reason(
    counts: pd.DataFrame, options: dict[str, object], reason: str
) -> None:
    found = measure(counts, **options)
    assert not found.estimate.defined
    assert reason in found.estimate.reason


def test_a_rate_of_0_beside_others_is_a_ratio_of_0_whose_interval_reaches_above() -> None:
    found = measure(chosen((0, 50), (0, 40), (20, 50)), comparison="ratio")
    assert found.estimate.value == found.estimate.low == 0
    assert 0 < found.estimate.high < 1
    assert found.highest == "g2"
    assert found.pairs["value"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize("comparison", ["difference", "ratio"])
def test_rates_of_1_everywhere_still_leave_room_for_doubt(comparison) -> None:
    found = measure(chosen((30, 30), (30, 30), (30, 30)), comparison=comparison)
    width = found.estimate.high - found.estimate.low
    assert 0.1 < width < 0.3
    assert found.null.p_value == 1


def test_the_same_generator_gives_the_same_answer() -> None:
    one, other = measure(COUNTS, "equalized_odds"), measure(COUNTS, "equalized_odds")
    assert (one.estimate, one.null, one.critical) == (other.estimate, other.null, other.critical)


@pytest.mark.parametrize(("comparison", "limit"), [("difference", 0.1), ("ratio", 0.8)])
@pytest.mark.parametrize("hits", [(60, 45), (60, 50), (60, 55), (60, 59)])
def test_rows_needed_are_enough_and_not_one_too_many(comparison, limit: float, hits) -> None:
    counts = chosen((hits[0], 100), (hits[1], 100))
    found = measure(counts, comparison=comparison)
    needed = rows_needed(counts, found, limit)
    if math.isclose(found.estimate.value, limit):
        assert needed is None
        return
    assert needed is not None

    def settled(rows: float) -> bool:
        (x1, n1), (x2, n2) = ((x * rows / 200, 100 * rows / 200) for x in hits)
        low, high = difference_interval(x1, n1, x2, n2, found.critical)
        return bool(low > limit or max(high, -low) < limit)

    if comparison == "difference":
        assert settled(needed)
        assert not settled(needed - 1)
    assert needed > (100 if abs(found.estimate.value - limit) < 0.1 else 0)


def test_rows_needed_has_no_answer_at_the_limit_or_beyond_a_thousand_million() -> None:
    counts = chosen((60, 100), (50, 100))
    found = measure(counts)
    assert rows_needed(counts, found, 0.1) is None
    assert rows_needed(counts, found, 0.1 + 1e-7) is None
    assert 10**6 < rows_needed(counts, found, 0.1 + 1e-3) < 10**9


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'equalized_odds'"):
        measure(COUNTS, "equalised_odds")
    with pytest.raises(UsageError, match="'difference' or 'ratio'"):
        measure(COUNTS, comparison="quotient")


def test_a_confidence_in_percent_and_no_draws_are_refused() -> None:
    with pytest.raises(UsageError, match="confidence is 95"):
        measure(COUNTS, confidence=95)
    with pytest.raises(UsageError, match="draws is 0"):
        measure(COUNTS, draws=0)


@pytest.mark.parametrize("comparison", ["difference", "ratio"])
def test_the_chance_is_below_one_in_twenty_exactly_where_the_interval_excludes_the_limit(
    comparison,
) -> None:
    rng = np.random.default_rng(8)
    seen = set()
    for _ in range(40):
        sizes = rng.integers(20, 400, rng.integers(2, 7))
        counts = chosen(*((int(rng.binomial(n, rng.uniform(0.1, 0.9))), int(n)) for n in sizes))
        found = measure(counts, comparison=comparison, draws=200)
        for limit in (0.05, 0.2, 0.8):
            beyond = (
                found.estimate.low > limit
                if comparison == "difference"
                else found.estimate.high < limit
            )
            assert (found.beyond(limit) < 0.05) == beyond
            seen.add(beyond)
    assert seen == {True, False}


def test_of_two_large_groups_the_chance_is_that_of_the_normal_law() -> None:
    # .50 and .30 of 10,000 each: standard error .00678, three of them beyond .1797.
    found = measure(chosen((5000, 10_000), (3000, 10_000)))
    assert found.beyond(0.2 - 3 * 0.006782) == pytest.approx(2 * norm.sf(3), rel=0.08)
    assert found.beyond(0.25) == 1.0


def test_far_beyond_the_limit_the_chance_is_smaller_than_the_draws_could_tell() -> None:
    found = measure(chosen((900, 1000), (100, 1000)), draws=200)
    assert 0 < found.beyond(0.1) < 1e-12


def test_an_undefined_disparity_has_no_chance_either() -> None:
    assert math.isnan(measure(chosen((0, 0), (1, 2))).beyond(0.1))
