"""The smallest change of a row: closed forms, exhaustive search, what must not change."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from auditkit.attribution.counterfactuals.asking import Effort
from auditkit.attribution.counterfactuals.columns import Seen
from auditkit.attribution.counterfactuals.tables import (
    NOTHING,
    Counterfactuals,
    counterfactuals,
)
from auditkit.data.schema import Column, Kind
from auditkit.errors import DataError

WEIGHTS = np.array([1.0, -2.0, 0.5])


def numeric(count: int = 3) -> list[Column]:
    return [Column(name=f"x{i}", kind=Kind.NUMERIC) for i in range(count)]


def rows(n: int = 1000, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    scale = np.array([1, 3, 10])
    return pd.DataFrame(rng.normal(size=(n, 3)) * scale, columns=["x0", "x1", "x2"])


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def linear(frame: pd.DataFrame) -> np.ndarray:
    return sigmoid(frame[["x0", "x1", "x2"]].to_numpy() @ WEIGHTS)


def test_a_linear_model_needs_what_the_closed_form_says():
    """The cheapest change moves one number alone: lack / (|w| MAD), the largest of the three."""
    known = rows(4000)
    seen = Seen.of(known, numeric())
    asked = rows(40, seed=1)
    asked = asked[np.abs(asked.to_numpy() @ WEIGHTS) < 8].reset_index(drop=True)
    found = counterfactuals(linear, asked, seen)
    units = np.array([one.cost.unit for one in seen.columns])
    for one in found.rows:
        lack = abs(asked.to_numpy()[one.row] @ WEIGHTS)
        exact = lack / np.max(np.abs(WEIGHTS) * units)
        # Values are those that were seen: the next one lies a little further.
        assert exact <= one.found[0].cost < exact + 0.05
        assert one.found[0].count == len(one.found[0].changes) == 1
        assert one.cost > 0.95 * exact


def test_two_numbers_move_where_one_is_not_enough():
    """Where none reaches far enough alone, two do, and no change is made that is not needed."""
    known = pd.DataFrame(
        list(product(range(3), range(3), range(3))), columns=["x0", "x1", "x2"]
    ).astype(float)

    def both(frame: pd.DataFrame) -> np.ndarray:
        return sigmoid(2.0 * ((frame["x0"] + frame["x1"]).to_numpy() - 3.5))

    found = counterfactuals(both, known.iloc[[0]], Seen.of(known, numeric()))
    (one,) = found.rows
    assert {change.column for change in one.cheapest.changes} == {"x0", "x1"}
    assert one.cheapest.cost == 4
    assert one.complete


def planted(frame: pd.DataFrame) -> np.ndarray:
    """A model with interactions, of three categories and a number."""
    a, b, c = (frame[name].map(ord).to_numpy() - ord("a") for name in ("k0", "k1", "k2"))
    x = frame["x0"].to_numpy()
    return sigmoid(0.4 * a * b + 0.7 * (c == 2) * x - 0.3 * x + 0.2 * (a == b) - 1.5)


def categories(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    made = {f"k{i}": rng.choice(list("abcd"), n) for i in range(3)}
    return pd.DataFrame({**made, "x0": rng.integers(0, 6, n)})


MIXED = [*(Column(name=f"k{i}", kind=Kind.CATEGORICAL) for i in range(3)), *numeric(1)]


def cheapest_of_all(row: pd.Series, seen: Seen) -> float:
    """Every combination of values of up to four columns, one after the other."""
    values = {name: sorted(set(categories(2000, 0)[name])) for name in ("k0", "k1", "k2", "x0")}
    unit = seen.columns[3].cost.unit
    start = planted(row.to_frame().T.astype({"x0": float}))[0] >= 0.5
    every = pd.DataFrame(list(product(*values.values())), columns=list(values))
    cost = sum((every[name] != row[name]).astype(float) for name in ("k0", "k1", "k2"))
    cost = cost + (every["x0"] - row["x0"]).abs() / unit
    return float(cost[(planted(every) >= 0.5) != start].min())


def test_the_search_finds_what_an_exhaustive_one_finds():
    seen = Seen.of(categories(2000, 0), MIXED)
    asked = categories(60, 1)
    found = counterfactuals(planted, asked, seen)
    best = np.array([cheapest_of_all(asked.iloc[i], seen) for i in range(len(asked))])
    cost = np.array([one.cost for one in found.rows])
    assert (cost >= best - 1e-9).all()
    assert (cost <= best + 1e-9).mean() >= 0.95
    assert (cost <= 1.5 * best + 1e-9).all()
    proved = np.array([one.complete and one.cheapest.count <= 2 for one in found.rows])
    assert proved.sum() > 10


def test_every_answer_flips_the_model_and_keeps_what_nobody_can_change():
    seen = Seen.of(categories(2000, 0), MIXED, immutable=["k1"], directions={"x0": "up"})
    asked = categories(80, 2)
    found = counterfactuals(planted, asked, seen)
    before = planted(asked) >= 0.5
    assert sum(bool(one.found) for one in found.rows) > 40
    for one in found.rows:
        for answer in one.found:
            made = found.made.iloc[[answer.place]]
            assert (planted(made) >= 0.5)[0] != before[one.row]
            assert planted(made)[0] == pytest.approx(answer.score)
            assert made["k1"].iloc[0] == asked["k1"].iloc[one.row]
            assert made["x0"].iloc[0] >= asked["x0"].iloc[one.row]
            assert len(answer.changes) == answer.count


def test_answers_differ_in_what_they_change():
    found = counterfactuals(planted, categories(40, 3), Seen.of(categories(2000, 0), MIXED))
    for one in found.rows:
        sets = [frozenset(change.column for change in it.changes) for it in one.found]
        assert len(set(sets)) == len(sets)
        costs = [it.cost for it in one.found]
        assert costs[0] >= min(costs)


def test_whole_numbers_stay_whole():
    found = counterfactuals(planted, categories(40, 4), Seen.of(categories(2000, 0), MIXED))
    assert found.made["x0"].dtype == categories(1, 0)["x0"].dtype


def test_a_model_that_always_says_the_same_has_no_counterfactual_and_the_reason_is_said():
    def never(frame: pd.DataFrame) -> np.ndarray:
        return np.full(len(frame), 0.2)

    seen = Seen.of(categories(2000, 0), MIXED)
    (one,) = counterfactuals(never, categories(1, 5), seen, effort=Effort(budget=40)).rows
    assert one.found == ()
    assert "asked about" in one.reason
    assert np.isnan(one.cost)
    held = Seen.of(categories(2000, 0), MIXED, immutable=["k0", "k1", "k2", "x0"])
    (one,) = counterfactuals(never, categories(1, 5), held).rows
    assert one.reason == NOTHING
    assert one.asked == 0


def test_the_budget_holds_and_the_same_call_gives_the_same():
    seen = Seen.of(categories(2000, 0), MIXED)
    asked = categories(30, 6)

    def once() -> Counterfactuals:
        return counterfactuals(planted, asked, seen, effort=Effort(budget=25))

    first, second = once(), once()
    pd.testing.assert_frame_equal(first.frame(), second.frame())
    # What moves a number nearer comes on top: three rounds of 16 values, for each answer.
    assert max(one.asked for one in first.rows) <= 25 + 3 * 3 * 16


def test_missing_values_are_filled_and_never_made():
    known = categories(2000, 0)
    asked = categories(20, 7).astype({"x0": float})
    asked.loc[::2, "x0"] = np.nan
    asked.loc[1::2, "k0"] = None

    def filled(frame: pd.DataFrame) -> np.ndarray:
        return planted(frame.fillna({"x0": 0.0, "k0": "a"}))

    found = counterfactuals(filled, asked, Seen.of(known, MIXED))
    assert any(one.found for one in found.rows)
    for one in found.rows:
        for answer in one.found:
            assert all(change.after for change in answer.changes)


def test_a_score_that_is_no_number_is_refused():
    def broken(frame: pd.DataFrame) -> np.ndarray:
        return np.full(len(frame), np.nan)

    with pytest.raises(DataError, match="no finite score"):
        counterfactuals(broken, categories(2, 0), Seen.of(categories(2000, 0), MIXED))


def test_no_global_generator_is_touched():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    counterfactuals(planted, categories(5, 8), Seen.of(categories(2000, 0), MIXED))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_the_frame_has_a_line_for_each_column_of_each_answer():
    found = counterfactuals(planted, categories(10, 9), Seen.of(categories(2000, 0), MIXED))
    frame = found.frame()
    assert len(frame) == sum(len(it.changes) for one in found.rows for it in one.found)
    pairs = list(combinations(frame.columns, 2))
    assert ("before", "after") in pairs
