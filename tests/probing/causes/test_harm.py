"""Whom it hurts, beside groups drawn at random."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from auditkit.errors import DataError
from auditkit.probing.causes.harm import change_of_errors, harm_by_group

PIECES = [("layer", f"unit {i}") for i in range(12)]


def changes(seed: int, *, hurt: float = 0.0, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Of every unit one answer in twenty gets wrong; unit 4 hurts group b more."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b", "c"], n)
    found = (rng.random((12, n)) < 0.05).astype(float)
    found[4] += (rng.random(n) < hurt) & (groups == "b") & (found[4] == 0)
    return found, groups


def found(seed: int, *, hurt: float = 0.0, draws: int = 200) -> list[tuple[str, str]]:
    change, groups = changes(seed, hurt=hurt)
    harm = harm_by_group(PIECES, change, groups, draws=draws, rng=np.random.default_rng(seed))
    return list(zip(harm.found["piece"], harm.found["group"], strict=True))


def test_a_unit_that_is_planted_to_hurt_one_group_is_found():
    assert all(("unit 4", "b") in found(seed, hurt=0.3) for seed in range(10))


def test_of_units_that_hurt_all_alike_few_sets_show_any():
    assert sum(bool(found(seed)) for seed in range(40)) <= 5  # one in twenty sets, by chance


def test_the_difference_is_that_of_the_means_by_hand():
    change = np.zeros((1, 40))
    change[0, :5] = 1.0
    groups = np.array(["a"] * 20 + ["b"] * 20)
    harm = harm_by_group([("l", "u")], change, groups, draws=99, rng=np.random.default_rng(0))
    (line,) = harm.frame.to_dict("records")  # of two groups one is asked about
    assert (line["group"], line["rows"], line["change"]) == ("b", 20, 0.0)
    assert line["apart"] == pytest.approx(-0.25)
    assert line["apart low"] < -0.25 < line["apart high"] < 0


def test_its_p_is_that_of_fishers_exact_test_where_there_is_one_unit():
    """Of 20 rows of b none is hurt and of 20 of a 5 are: two-sided p .047."""
    change = np.zeros((1, 40))
    change[0, :5] = 1.0
    groups = np.array(["a"] * 20 + ["b"] * 20)
    harm = harm_by_group([("l", "u")], change, groups, draws=4000, rng=np.random.default_rng(0))
    assert harm.frame["adjusted"].iloc[0] == pytest.approx(0.0471, abs=0.012)


def test_small_groups_are_left_out_by_name_and_missing_ones_have_no_say():
    change, groups = changes(0)
    groups = groups.astype(object)
    groups[:4] = "d"
    groups[4:9] = None
    harm = harm_by_group(PIECES, change, groups, draws=50, rng=np.random.default_rng(0))
    assert harm.left_out == {"d": "4 rows"}
    assert harm.frame.groupby("piece")["rows"].sum().unique().tolist() == [591]


def test_where_nothing_changes_nothing_is_found():
    harm = harm_by_group(
        PIECES, np.zeros((12, 40)), ["a", "b"] * 20, draws=50, rng=np.random.default_rng(0)
    )
    assert harm.frame["adjusted"].eq(1.0).all()
    assert harm.frame["apart"].eq(0.0).all()


def test_what_cannot_be_compared_is_said_in_one_sentence():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="1 of 2 groups have 10 rows"):
        harm_by_group(PIECES, np.zeros((12, 40)), ["a"] * 35 + ["b"] * 5, draws=9, rng=rng)
    with pytest.raises(DataError, match="39 groups for 40 rows"):
        harm_by_group(PIECES, np.zeros((12, 40)), ["a"] * 39, draws=9, rng=rng)


def test_where_no_answer_changes_there_is_still_an_interval():
    found = change_of_errors(np.zeros(30))
    assert found.low < 0 < found.high
    assert change_of_errors(np.array([0.5, 0.25, 0.0])).value == pytest.approx(0.25)


def test_the_interval_of_a_small_group_is_welchs():
    """scipy's own interval of the same two samples, ten rows against sixty."""
    change = np.random.default_rng(0).normal(size=(1, 70))
    groups = np.repeat(["a", "b"], [60, 10])
    rng = np.random.default_rng(0)
    frame = harm_by_group([("layer", "unit")], change, groups, draws=20, rng=rng).frame
    own = ttest_ind(change[0, 60:], change[0, :60], equal_var=False).confidence_interval(0.95)
    assert tuple(frame.loc[0, ["apart low", "apart high"]]) == pytest.approx(tuple(own))
