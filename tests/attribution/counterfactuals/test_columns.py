"""What may change to what: values that occur, facets, columns that stay."""

import numpy as np
import pandas as pd
import pytest

from auditkit.attribution.counterfactuals.columns import Seen, put
from auditkit.attribution.counterfactuals.plausibility import Fit, unusual
from auditkit.attribution.counterfactuals.values import NEW
from auditkit.data.schema import Column, Kind
from auditkit.errors import DataError, UsageError

NAMES = {"degree": "categorical", "years": "numeric", "town": "categorical", "age": "numeric"}


def columns(**kinds: str) -> list[Column]:
    return [Column(name=name, kind=Kind(kind)) for name, kind in (kinds or NAMES).items()]


def people(n: int = 2000) -> pd.DataFrame:
    """years is what degree says; town and age are free, but nobody young lives in d."""
    rng = np.random.default_rng(0)
    degree = rng.integers(3, size=n)
    age = rng.integers(20, 60, n)
    town = np.where(age < 30, rng.choice(list("abc"), n), rng.choice(list("abcd"), n))
    made = {"degree": np.array(["low", "mid", "high"])[degree], "years": 8 + 4 * degree}
    return pd.DataFrame({**made, "town": town, "age": age})


def test_columns_that_tell_one_another_move_together_to_what_was_seen():
    seen = Seen.of(people(), columns())
    facets = [tuple(seen.names[place] for place in one.columns) for one in seen.facets]
    assert facets == [("degree", "years"), ("town",), ("age",)]
    assert len(seen.facets[0].options) == 3
    prices = seen.prices(seen.rows(people().iloc[:1]))[0]
    dearest = prices[np.flatnonzero(seen.slot == 0)]
    # One fact, paid for once: its years lie one or two deviations of 4 away.
    assert sorted(dearest.tolist()) in ([1, 1, np.inf], [1, 2, np.inf])


def test_a_name_tells_nothing():
    frame = people(200).assign(town=[f"person {i}" for i in range(200)])
    assert all(len(one.columns) < 3 for one in Seen.of(frame, columns()).facets)


def test_an_immutable_column_has_no_move_and_a_direction_only_one_way():
    seen = Seen.of(people(), columns(), immutable=["years"], directions={"age": "up"})
    row = people().iloc[[3]]
    prices = seen.prices(seen.rows(row))[0]
    assert not np.isfinite(prices[seen.slot == 0]).any()
    open_ = np.flatnonzero((seen.slot == 2) & np.isfinite(prices))
    ages = seen.columns[3].found[seen.target[open_, 3]]
    assert len(ages)
    assert (ages > row["age"].iloc[0]).all()


def test_levels_of_fewer_than_one_row_in_a_thousand_are_no_change():
    frame = people(5000)
    frame.loc[0, "town"] = "nowhere"
    seen = Seen.of(frame, columns())
    towns = seen.columns[2].found[seen.target[seen.slot == 1, 2]]
    assert sorted(towns) == ["a", "b", "c", "d"]


def test_values_that_never_stand_together_clash():
    seen = Seen.of(people(), columns())
    fit = Fit.of(seen)
    young = people()[people()["age"] < 24].iloc[[0]].assign(town="a")
    own = seen.rows(young).codes[0]
    against = fit.against(seen, own)
    to_d = [
        move
        for move in np.flatnonzero(seen.slot == 1)
        if seen.columns[2].found[seen.target[move, 2]] == "d"
    ]
    assert against[to_d, 2].all()
    assert against.sum() == 1
    moved = np.array([own])
    moved[0, 2] = seen.target[to_d[0], 2]
    assert fit.odd(moved, moved != own).all()
    assert not fit.odd(moved, np.zeros_like(moved, bool)).any()


def test_rows_keep_their_types_and_all_that_is_not_changed():
    frame = people().astype({"town": "category"}).assign(extra=1.5)
    seen = Seen.of(frame, columns())
    target = np.full((2, 4), -1)
    target[1, [2, 3]] = 1, 5
    made = put(frame.iloc[:4], seen, np.array([2, 3]), target)
    assert made.dtypes["age"] == frame.dtypes["age"]
    assert made["extra"].eq(1.5).all()
    pd.testing.assert_frame_equal(made.iloc[[0]], frame.iloc[[2]])
    assert made["age"].iloc[1] == seen.columns[3].found[5]
    assert made["town"].iloc[1] == seen.columns[2].found[1]


def test_a_level_never_seen_is_read_as_new():
    seen = Seen.of(people(), columns())
    strange = people().iloc[[0]].assign(town="z", age=1000)
    assert seen.rows(strange).codes[0, 2:].tolist() == [NEW, NEW]


def test_what_nobody_is_like_is_unusual_and_a_real_row_is_not():
    real = people()
    strange = real.iloc[[0, 1]].assign(age=[400, real["age"].iloc[1]])
    found = unusual(real, strange, ["degree", "town"])
    assert found[0] == 1
    assert found[1] < 0.5


def test_names_that_are_no_feature_and_no_rows_are_refused():
    with pytest.raises(UsageError, match="did you mean 'town'"):
        Seen.of(people(), columns(), immutable=["twn"])
    with pytest.raises(UsageError, match="'up' or 'down'"):
        Seen.of(people(), columns(), directions={"age": "rising"})
    with pytest.raises(DataError, match="no row"):
        Seen.of(people().iloc[:0], columns())
