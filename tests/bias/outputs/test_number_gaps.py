"""Gaps of errors: their pairs, whole persons drawn, and what chance alone gives."""

import math

import numpy as np
import pytest
from scipy.stats import kstest, ttest_ind

from auditkit.bias.outputs.number_errors import (
    MEASURES,
    NumberErrors,
    error_estimates,
    number_errors,
)
from auditkit.bias.outputs.number_gaps import dealt, error_gap
from auditkit.errors import UsageError
from auditkit.statistics.intervals import rate_interval


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def off(groups: dict[str, np.ndarray], **others) -> NumberErrors:
    """Errors by group; every true number is 0."""
    said = np.concatenate(list(groups.values()))
    names = np.repeat(list(groups), [len(one) for one in groups.values()])
    return number_errors(np.zeros(len(said)), said, names, **others)


@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_the_gap_is_the_range_of_the_groups_errors(measure: str):
    generator = rng(1)
    errors = off({"a": generator.normal(size=60), "b": 2 + generator.normal(size=80), "c": [3, 4]})
    gap = error_gap(errors, measure, rng=generator)
    values = error_estimates(errors, measure)["value"]
    assert gap.estimate.value == pytest.approx(values.max() - values.min())
    assert (gap.lowest, gap.highest) == (values.idxmin(), values.idxmax())
    assert gap.estimate.low <= gap.estimate.value <= gap.estimate.high
    assert len(gap.pairs) == 3


def test_two_equal_groups_have_about_students_interval():
    generator = rng(2)
    a, b = generator.normal(size=200), generator.normal(0.5, size=200)
    gap = error_gap(off({"a": a, "b": b}), "signed_error", rng=generator, draws=4000)
    theirs = ttest_ind(b, a).confidence_interval()
    assert gap.estimate.low == pytest.approx(theirs.low, abs=0.03)
    assert gap.estimate.high == pytest.approx(theirs.high, abs=0.03)
    assert gap.null.mean == pytest.approx(math.sqrt(2 / math.pi) * 0.1, rel=0.15)


def test_a_gap_of_squares_of_few_rows_has_a_value_and_no_interval():
    generator = rng(6)
    errors = off({"a": generator.normal(size=40), "b": 9 * generator.normal(size=40)})
    gap = error_gap(errors, "root_mean_squared_error", rng=generator)
    assert gap.estimate.value > 5
    assert math.isnan(gap.estimate.low)
    assert math.isnan(gap.beyond(0.1))
    assert "fewer than 100 rows in all" in gap.estimate.reason
    assert gap.null.p_value < 0.01  # chance alone needs no interval


def test_small_groups_are_left_out_by_name():
    generator = rng(3)
    errors = off({"a": generator.normal(size=30), "b": generator.normal(size=30), "c": [9.0]})
    gap = error_gap(errors, "mean_absolute_error", rng=generator, min_group_size=10)
    assert gap.measured.left_out == {"c": "fewer than 10 rows"}
    assert gap.highest != "c"
    only = error_gap(off({"a": generator.normal(size=30), "b": [1.0]}), "signed_error", rng=rng())
    assert only.estimate.reason == "1 group to compare; a gap needs two"
    assert only.measured.left_out == {"b": "fewer than 2 rows"}
    none = error_gap(off({"a": [1.0]}), "signed_error", rng=rng())
    assert not none.estimate.defined


def persons(generator: np.random.Generator, people: int, rows: int, groups: int = 2):
    """Errors that a person's rows share for the most part; each person is of one group."""
    person = np.repeat(np.arange(people), rows)
    wrong = generator.normal(size=people)[person] + 0.3 * generator.normal(size=len(person))
    return wrong, person, np.array(list("abcdef"))[person % groups]


def test_persons_are_few_groups_of_persons_are_left_out_by_their_number():
    wrong, person, group = persons(rng(4), people=6, rows=20)
    errors = number_errors(np.zeros(120), wrong, group, clusters=person, unit="user")
    gap = error_gap(errors, "signed_error", rng=rng(), min_group_size=10)
    assert gap.measured.left_out["a"] == "fewer than 10 values of user"


def test_rows_of_one_person_are_not_taken_for_as_many():
    """Without a gap: counted by person 0 is held, counted by row it mostly is not."""
    held: dict[str, list[bool]] = {"person": [], "row": []}
    found = []
    for seed in range(120):
        wrong, person, group = persons(rng(seed), people=40, rows=10)
        for unit, clusters in (("person", person), ("row", None)):
            errors = number_errors(np.zeros(400), wrong, group, clusters=clusters)
            gap = error_gap(errors, "signed_error", rng=rng(seed), draws=200)
            held[unit].append(gap.estimate.low == 0)
            if clusters is not None:
                found.append(gap.null.p_value)
    assert np.mean(held["person"]) >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / 120)
    assert np.mean(held["row"]) < 0.7
    assert kstest(found, "uniform").pvalue > 0.001


@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_without_a_gap_intervals_hold_and_p_is_uniform(measure: str):
    held, found = [], []
    for seed in range(150):
        generator = rng(seed)
        errors = off({name: generator.standard_t(5, size) for name, size in SIZES.items()})
        gap = error_gap(errors, measure, rng=generator, draws=200)
        held.append(gap.estimate.low == 0)
        found.append(gap.null.p_value)
    assert np.mean(held) >= 0.94 - 2 * math.sqrt(0.94 * 0.06 / 150)
    assert kstest(found, "uniform").pvalue > 0.001


SIZES = {"a": 20, "b": 60, "c": 200}


def test_a_planted_gap_is_found():
    found = []
    for seed in range(20):
        generator = rng(seed)
        errors = off({"a": generator.normal(size=400), "b": 1.5 * generator.normal(size=400)})
        gap = error_gap(errors, "mean_absolute_error", rng=generator)
        found.append(gap.estimate.low > 0.1 and gap.lowest == "a" and gap.null.p_value < 0.01)
    assert np.mean(found) >= 0.95


def test_many_rows_are_drawn_from_the_pool_with_the_spread_of_permutations():
    """7,000 rows are above what is permuted row by row, 4,000 are not: the same law, scaled."""
    generator = rng(5)
    values = generator.exponential(size=7000)
    sizes = {"a": 0.3, "b": 0.7}
    means = []
    for n in (4000, 7000):
        cut = int(sizes["a"] * n)
        errors = off({"a": values[:cut], "b": values[cut:n]})
        gap = error_gap(errors, "mean_absolute_error", rng=generator, draws=1000)
        means.append(gap.null.mean * math.sqrt(n))
    assert means[0] == pytest.approx(means[1], rel=0.08)


def test_a_person_in_several_groups_leaves_the_null_to_the_standard_errors():
    generator = rng(6)
    person = np.repeat(np.arange(50), 4)
    wrong = generator.normal(size=200)
    group = np.tile(["a", "b", "a", "b"], 50)
    errors = number_errors(np.zeros(200), wrong, group, clusters=person)
    gap = error_gap(errors, "signed_error", rng=generator)
    assert errors.straddling
    expected = math.sqrt(2 / math.pi) * math.hypot(*gap.measured.errors)
    assert gap.null.mean == pytest.approx(expected, rel=0.1)


def test_units_are_dealt_whole_and_fewer_times_where_they_are_many():
    order = dealt(np.array([3, 2]), 40, rng())
    assert order.shape == (40, 5)
    assert (np.sort(order, axis=1) == np.arange(5)).all()
    assert len(dealt(np.array([60_000, 40_000]), 1000, rng())) == 50


def test_what_cannot_be_asked_is_refused():
    errors = off({"a": np.ones(20), "b": np.ones(20)})
    with pytest.raises(UsageError, match="signed_error"):
        error_gap(errors, "signed", rng=rng())
    with pytest.raises(UsageError, match="draws is 0"):
        error_gap(errors, "signed_error", rng=rng(), draws=0)
    with pytest.raises(UsageError, match="confidence is 2"):
        error_gap(errors, "signed_error", rng=rng(), confidence=2)


@pytest.mark.parametrize("measure", list(MEASURES))
def test_rows_that_are_all_alike_prove_nothing_of_others(measure: str) -> None:
    # Twelve rows without an error beside twelve that are off by 1: of a thirteenth nothing is said.
    errors = number_errors(np.zeros(24), np.repeat([0.0, 1.0], 12), np.repeat(["a", "b"], 12))
    gap = error_gap(errors, measure, rng=np.random.default_rng(0), draws=200)
    most = float(rate_interval(0, 12)[1])
    if measure == "root_mean_squared_error":
        ends = 1 - np.hypot(1 - np.sqrt(1 - most), np.sqrt(most))
    else:
        ends = 1 - np.hypot(most, most)
    assert gap.estimate.low == pytest.approx(ends, abs=1e-6)


def test_a_group_without_an_error_among_rare_ones_is_no_proof_of_a_gap() -> None:
    rng, wrong = np.random.default_rng(2), 0
    for _ in range(200):
        off = (rng.random(120) < 0.05).astype(float)  # three groups of 40, the same rate in each
        errors = number_errors(np.zeros(120), off, np.repeat(list("abc"), 40))
        gap = error_gap(errors, "mean_absolute_error", rng=rng, draws=100)
        wrong += not gap.estimate.low <= 0 <= gap.estimate.high
    assert wrong <= 200 * 0.06 + 2 * np.sqrt(200 * 0.06 * 0.94)
