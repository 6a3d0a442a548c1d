"""A row asked about again: laws of models that ignore a column, are it, or lean one way."""

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.individual.flipping import Answers, compared, flip, joined, unsteady
from auditkit.errors import DataError
from auditkit.statistics.intervals import rate_interval

LEVELS = ("a", "b", "c")


def people(n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    group = pd.Categorical(np.array(LEVELS)[np.arange(n) % 3], categories=[*LEVELS, "nobody"])
    return pd.DataFrame(
        {"group": group, "age": rng.integers(20, 80, n), "merit": rng.normal(size=n)}
    )


def model(score):
    """Decides by a score of the rows, at 0."""

    def ask(frame: pd.DataFrame) -> Answers:
        values = np.asarray(score(frame), float)
        return Answers(decisions=(values > 0).astype(np.int64), values=values, favoured=True)

    return ask


def flipped(score, frame=None, column="group", groups=None):
    frame = people() if frame is None else frame
    return flip(model(score), frame, column, frame[column] if groups is None else groups)


def test_a_model_that_ignores_the_column_flips_nothing():
    asked = flipped(lambda frame: frame["merit"])
    assert asked.rate().value == 0
    assert asked.rate().high < 0.06
    assert not asked.moved
    assert asked.mean_change().value == 0


def test_a_model_that_is_the_column_flips_everybody():
    frame = people().query("group != 'c'")
    asked = flipped(lambda rows: np.where(rows["group"] == "a", 1, -1), frame)
    assert asked.rate().value == 1
    lines = asked.directions().set_index(["from", "to"])
    assert lines.loc[("a", "b"), ["toward", "away"]].tolist() == [0, 30]
    assert lines.loc[("b", "a"), ["toward", "away"]].tolist() == [30, 0]
    assert lines.loc[("a", "b"), "change"] == -2
    assert asked.mean_change().value == 0, "half gain what the other half loses"
    assert asked.largest_change().value == 2


def test_a_row_counts_once_however_often_it_was_asked_about():
    asked = flipped(lambda rows: np.where(rows["group"] == "a", 1, -1))
    assert len(asked.row) == 180
    assert asked.rate().value == 1
    assert asked.rate().n == 90
    lines = asked.directions().set_index(["from", "to"])
    assert lines.loc[("b", "c"), "flipped"] == 0
    assert lines.loc[("b", "a"), "flipped"] == 1
    by = asked.by_origin().set_index("group")
    assert by["value"].tolist() == [1, 1, 1]
    assert by["n"].tolist() == [30, 30, 30]


def test_the_interval_is_wilsons_over_rows():
    asked = flipped(lambda rows: rows["merit"] - 0.3 * (rows["group"] == "a"))
    rate = asked.rate()
    low, high = rate_interval(round(rate.value * 90), 90)
    assert (rate.low, rate.high) == (low, high)
    assert 0 < rate.value < 1


def test_a_flip_rate_is_what_asking_row_by_row_gives():
    frame = people(30)
    ask = model(lambda rows: rows["merit"] + np.where(rows["group"] == "b", 0.8, 0))
    hits = 0
    for place in range(30):
        row = frame.iloc[[place]]
        others = [one for one in LEVELS if one != row["group"].iloc[0]]
        said = {int(ask(row.assign(group=one)).decisions[0]) for one in others}
        hits += said != {int(ask(row).decisions[0])}
    assert flip(ask, frame, "group", frame["group"]).rate().value == hits / 30


def test_a_band_of_numbers_is_put_in_by_the_middle_of_its_own_values():
    frame = people()
    groups = pd.cut(frame["age"], [0, 40, 100], labels=["under 40", "40 and over"])
    seen = []

    def ask(rows: pd.DataFrame) -> Answers:
        seen.append(rows["age"])
        return Answers(decisions=None, values=rows["age"].to_numpy(float))

    asked = flip(ask, frame, "age", groups)
    young, old = (np.sort(frame["age"][groups == one]) for one in groups.cat.categories)
    middles = {int(one[(len(one) - 1) // 2]) for one in (young, old)}
    assert set(seen[-1]) == middles
    assert seen[-1].dtype == frame["age"].dtype
    assert np.isnan(asked.directions()["flipped"]).sum() == 0
    to_old = asked.directions().set_index("from").loc["under 40"]
    assert to_old["change"] == pytest.approx(np.mean(old[(len(old) - 1) // 2] - young))


def test_a_missing_membership_is_replaced_and_never_put_in():
    frame = people(40)
    frame["group"] = frame["group"].astype(object)
    frame.loc[:9, "group"] = None
    groups = frame["group"].fillna("(missing)")
    asked = flipped(lambda rows: rows["group"].isna(), frame, groups=groups)
    lines = asked.directions()
    assert "(missing)" in set(lines["from"])
    assert "(missing)" not in set(lines["to"])


@pytest.mark.parametrize("value", ["a", None])
def test_a_column_of_one_group_or_none_leaves_nothing_to_put_in(value):
    frame = people().assign(group=value)
    rate = flipped(lambda rows: rows["merit"], frame).rate()
    assert np.isnan(rate.value)
    assert "nothing else to put in place" in rate.reason


def test_numbers_change_without_a_decision_and_classes_flip_without_a_direction():
    frame = people()
    numbers = flip(
        lambda rows: Answers(decisions=None, values=np.where(rows["group"] == "a", 5.0, 1.0)),
        frame,
        "group",
        frame["group"],
    )
    assert numbers.largest_change().value == 4
    assert not numbers.flipped.any()
    classes = flip(
        lambda rows: Answers(decisions=rows["group"].cat.codes.to_numpy(np.int64), values=None),
        frame,
        "group",
        frame["group"],
    )
    assert classes.rate().value == 1
    assert not classes.toward.any()
    assert "no score" in classes.mean_change().reason


def test_rounding_is_no_change_and_no_unsteadiness():
    before = Answers(decisions=np.array([1, 0]), values=np.array([0.7, 0.2]))
    after = Answers(decisions=np.array([1, 0]), values=np.array([0.7 + 1e-7, 0.2 - 1e-8]))
    asked = compared(before, after, row=[0, 1], origin=[0, 0], target=[1, 1], labels="ab")
    assert not asked.moved
    assert unsteady(before, after) == 0
    coin = Answers(decisions=np.array([0, 0]), values=before.values)
    assert unsteady(before, coin) == 0.5
    numbers = [Answers(decisions=None, values=np.array(one)) for one in ([1.0, 2.0], [1.0, 2.1])]
    assert unsteady(*numbers) == 0.5


def test_sets_of_questions_are_joined_as_if_they_had_been_one():
    one = flipped(lambda rows: np.where(rows["group"] == "a", 1, -1))
    none = flipped(lambda rows: rows["merit"])
    both = joined([one, none])
    assert both.rate().value == 0.5
    assert both.rate().n == 180
    assert both.largest_change().value == pytest.approx(one.largest_change().value / 2)


def test_lengths_that_differ_are_refused():
    frame = people(9)
    with pytest.raises(DataError, match="3 groups for 9 rows"):
        flipped(lambda rows: rows["merit"], frame, groups=frame["group"][:3])
    with pytest.raises(DataError, match="answers to 180 questions"):
        flip(
            lambda rows: Answers(decisions=np.zeros(5, np.int64), values=None),
            people(),
            "group",
            people()["group"],
        )


def test_the_interval_of_a_flip_rate_holds_in_95_of_100_samples():
    rng, held = np.random.default_rng(2), []
    for _ in range(300):
        n = 100
        frame = pd.DataFrame({"group": rng.choice(["a", "b"], n), "merit": rng.normal(size=n)})
        asked = flipped(lambda rows: rows["merit"] + 0.2 * (rows["group"] == "a"), frame)
        held.append(asked.rate().low <= 0.0792597 <= asked.rate().high)  # P(-.2 < Z <= 0)
    assert np.mean(held) >= 0.92
