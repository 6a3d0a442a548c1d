"""Slices that nobody named: planted ones are found, noise is not, whoever shares a person."""

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.subgroups.search import find_subgroups
from auditkit.errors import DataError, UsageError
from benchmarks.coverage_subgroups import Population, missed_targets, simulate


def people(n: int = 6000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.permutation(np.arange(n) % 60 + 18),
            "work": rng.choice(["Private", "State", "Self"], n, p=[0.5, 0.3, 0.2]),
            "town": rng.choice(list("abcdefgh"), n),
            "income": rng.lognormal(size=n),
        }
    )


def wrong(frame: pd.DataFrame, *, worse: float, seed: int = 1) -> np.ndarray:
    """A tenth of the answers, and `worse` more of young people's in private work."""
    young = (frame["age"] < 30) & (frame["work"] == "Private")
    rng = np.random.default_rng(seed)
    return (rng.random(len(frame)) < 0.1 + worse * young).astype(float)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_a_planted_slice_is_named_counted_and_confirmed():
    frame = people()
    loss = wrong(frame, worse=0.3)
    found = find_subgroups(frame, loss, rng=rng())
    line, met = found.slices.iloc[0], found.rows[0]
    assert line["slice"] == "age under 30 and work = Private"
    assert np.array_equal(met, (frame["age"] < 30) & (frame["work"] == "Private"))
    kept = met & found.confirming
    assert line["n"] == kept.sum()
    assert line["rate"] == pytest.approx(loss[kept].mean())
    assert line["outside"] == pytest.approx(loss[~met & found.confirming].mean())
    assert line["confirmed"]
    assert line["low"] < 0.3 < line["high"]
    assert found.confirming.sum() == 3000


def test_larger_errors_of_numbers_are_found_too():
    frame = people()
    loss = np.abs(np.random.default_rng(2).standard_t(4, size=len(frame)))
    loss *= 1 + 1.0 * ((frame["age"] < 30) & (frame["work"] == "Private"))
    found = find_subgroups(frame, loss, rng=rng())
    assert found.slices["slice"][0] == "age under 30 and work = Private"
    assert found.slices["confirmed"][0]
    # The unit is the loss's own: with losses a hundred times as large all is a hundred times more.
    larger = find_subgroups(frame, 100 * loss, rng=rng())
    for name in ("rate", "difference", "low", "high"):
        assert larger.slices[name][0] == pytest.approx(100 * found.slices[name][0])
    assert larger.detectable["difference"].to_numpy() == pytest.approx(
        100 * found.detectable["difference"].to_numpy()
    )


def test_missing_values_are_a_slice_of_their_own():
    frame = people()
    empty = np.random.default_rng(3).random(len(frame)) < 0.1
    frame["income"] = frame["income"].mask(empty)
    loss = (np.random.default_rng(4).random(len(frame)) < 0.1 + 0.3 * empty).astype(float)
    found = find_subgroups(frame, loss, rng=rng())
    assert found.slices["slice"][0] == "income = (missing)"


def test_what_is_no_worse_than_a_slice_that_was_told_is_not_told_again():
    frame = people(20_000)
    found = find_subgroups(frame, wrong(frame, worse=0.3), rng=rng())
    assert found.slices["confirmed"].sum() == 1


def test_the_same_seed_gives_the_same_slices_and_another_other_halves():
    frame = people()
    loss = wrong(frame, worse=0.3)
    first, again = (find_subgroups(frame, loss, rng=rng()) for _ in range(2))
    pd.testing.assert_frame_equal(first.slices, again.slices)
    other = find_subgroups(frame, loss, rng=np.random.default_rng(6))
    assert not np.array_equal(first.confirming, other.confirming)


def test_no_person_stands_in_both_halves():
    frame = people(3000)
    persons = np.repeat(np.arange(150), 20).astype(object)
    persons[::17] = None
    found = find_subgroups(frame, wrong(frame, worse=0.0), rng=rng(), groups=persons)
    names = pd.Series(persons).fillna("nobody")
    assert not set(names[found.confirming]) & set(names[~found.confirming])
    assert 1200 < found.confirming.sum() < 1800


def test_persons_who_differ_are_no_subgroup():
    confirmed = 0
    for seed in range(30):
        draw = np.random.default_rng(seed)
        frame = people(100, seed).loc[np.repeat(np.arange(100), 20)].reset_index(drop=True)
        own = np.repeat(draw.beta(1, 3, size=100), 20)
        loss = (draw.random(len(frame)) < own).astype(float)
        found = find_subgroups(
            frame, loss, rng=draw, groups=np.repeat(np.arange(100), 20), min_rows=40
        )
        confirmed += bool(found.slices["confirmed"].any())
    assert confirmed <= 4  # of 30 at 5 %, 5 or more happen once in 60 times


def test_a_slice_that_crosses_persons_is_found_however_they_differ():
    draw = np.random.default_rng(8)
    persons = np.repeat(np.arange(100), 60)
    frame = pd.DataFrame({"genre": draw.choice(list("abcdef"), 6000)})
    own = np.repeat(draw.normal(scale=2, size=100), 60)
    loss = 5 + own + draw.normal(size=6000) + 0.5 * (frame["genre"] == "b")
    found = find_subgroups(frame, loss, rng=draw, groups=persons)
    assert found.slices["slice"][0] == "genre = b"
    assert found.slices["confirmed"][0]
    assert found.slices["high"][0] - found.slices["low"][0] < 1


@pytest.mark.parametrize(
    "population",
    [Population(rows=2000), Population(rows=8000, worse=0.2)],
    ids=lambda one: one.title,
)
def test_noise_is_refused_the_planted_found_and_intervals_hold(population: Population):
    found = {population: simulate(population, 30)}
    assert not missed_targets(found, 30)


def test_the_half_searched_exaggerates_and_the_other_does_not():
    found = simulate(Population(rows=2000), 40)
    assert found["searched"] > 0.08
    assert abs(found["kept"]) < 0.04


def test_what_is_detectable_grows_with_the_slice_and_with_the_rows():
    few, many = (
        find_subgroups(people(n), wrong(people(n), worse=0.0), rng=rng()).detectable
        for n in (4000, 16_000)
    )
    assert few["difference"].is_monotonic_decreasing
    assert few["difference"].iloc[-1] > many["difference"].iloc[-1]


def test_many_rows_are_searched_in_part_and_all_others_confirm():
    frame = people(60_000)
    found = find_subgroups(frame, wrong(frame, worse=0.1), rng=rng(), most_conditions=2)
    assert found.confirming.sum() == 40_000
    assert found.slices["confirmed"][0]


def test_where_nothing_can_be_looked_for_it_says_why():
    frame = people(300)
    right = find_subgroups(frame, np.zeros(300), rng=rng())
    assert "no row is served worse" in right.reason
    few = find_subgroups(frame[:50], wrong(frame[:50], worse=0.0), rng=rng())
    assert "too few" in few.reason
    one = find_subgroups(frame, wrong(frame, worse=0.0), rng=rng(), groups=np.zeros(300))
    assert "one group" in one.reason
    for found in (right, few, one):
        assert found.slices.empty
        assert list(found.slices.columns) == list(
            find_subgroups(people(), wrong(people(), worse=0.3), rng=rng()).slices.columns
        )


def test_a_table_of_one_level_has_no_slices():
    frame = pd.DataFrame({"same": ["x"] * 400})
    found = find_subgroups(frame, wrong(people(400), worse=0.0), rng=rng())
    assert found.slices.empty
    assert found.looked == 0


@pytest.mark.parametrize(
    ("loss", "said"),
    [([0.0, np.nan, 1.0], "row 2"), ([0.0, np.inf, 1.0], "row 2"), ([0.0, 1.0], "shape")],
)
def test_losses_that_are_none_are_refused(loss: list[float], said: str):
    with pytest.raises(DataError, match=said):
        find_subgroups(people(3), loss, rng=rng())


def test_choices_out_of_range_are_refused():
    frame = people(200)
    for choice in ({"most_conditions": 4}, {"min_rows": 0}, {"most": 0}, {"confidence": 1.0}):
        with pytest.raises(UsageError):
            find_subgroups(frame, wrong(frame, worse=0.0), rng=rng(), **choice)
    with pytest.raises(DataError, match="no columns"):
        find_subgroups(frame[[]], np.zeros(200), rng=rng())
    with pytest.raises(DataError, match="groups has 3"):
        find_subgroups(frame, np.zeros(200), rng=rng(), groups=[1, 2, 3])
