"""What it costs to be accepted, by group: planted gaps are found, none is where there is none."""

import numpy as np
import pandas as pd
import pytest

from auditkit.attribution.counterfactuals.columns import Seen
from auditkit.attribution.counterfactuals.recourse import (
    by_group,
    cost_gap,
    costs_of,
    hanging,
    lacking_gap,
    what_changes,
)
from auditkit.attribution.counterfactuals.tables import Counterfactuals, counterfactuals
from auditkit.data.schema import Column, Kind

FEATURES = [
    Column(name="group", kind=Kind.CATEGORICAL),
    Column(name="score", kind=Kind.NUMERIC),
    Column(name="noise", kind=Kind.NUMERIC),
]


def rows(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "group": rng.choice(["a", "b"], n),
            "score": rng.integers(0, 1001, n) / 10,
            "noise": rng.normal(size=n),
        }
    )


def twice(frame: pd.DataFrame) -> np.ndarray:
    """Group b is as far below 60 again as group a: its recourse costs exactly twice as much."""
    need = np.where(frame["group"] == "b", 2.0, 1.0)
    return np.where(frame["score"] >= 50 + 10 * need, 0.9, 0.1)


def asked(predict: object, frame: pd.DataFrame) -> tuple[Counterfactuals, pd.Series]:
    seen = Seen.of(rows(4000), FEATURES, immutable=["group"])
    return counterfactuals(predict, frame, seen), frame["group"].astype("category")


def refused() -> pd.DataFrame:
    """Everybody stands at 50."""
    return rows().assign(score=50.0)


def test_a_group_that_has_to_go_twice_as_far_pays_twice_as_much():
    found, groups = asked(twice, refused())
    unit = Seen.of(rows(4000), FEATURES).columns[1].cost.unit
    costs = costs_of(found)
    assert costs[groups == "a"] == pytest.approx(10 / unit)
    assert costs[groups == "b"] == pytest.approx(20 / unit)
    gap = cost_gap(costs, groups, rng=np.random.default_rng(0))
    assert (gap.lowest, gap.highest) == ("a", "b")
    assert gap.estimate.value == pytest.approx(10 / unit)
    assert gap.estimate.low > 0
    assert gap.null.p_value < 0.01


def test_a_cost_that_varies_lies_in_its_interval():
    frame = rows().query("score < 50").reset_index(drop=True)
    found, groups = asked(twice, frame)
    unit = Seen.of(rows(4000), FEATURES).columns[1].cost.unit
    gap = cost_gap(costs_of(found), groups, rng=np.random.default_rng(0))
    assert gap.estimate.low < 10 / unit < gap.estimate.high


def test_equal_groups_are_silent():
    def alike(frame: pd.DataFrame) -> np.ndarray:
        return np.where(frame["score"] >= 60, 0.9, 0.1)

    frame = rows().query("score < 60").reset_index(drop=True)
    found, groups = asked(alike, frame)
    gap = cost_gap(costs_of(found), groups, rng=np.random.default_rng(0))
    assert gap.estimate.low == 0
    assert gap.null.p_value > 0.05
    lacking = lacking_gap(costs_of(found), groups, rng=np.random.default_rng(0))
    assert lacking.estimate.value == 0


def test_those_without_recourse_are_counted_and_not_averaged():
    def never_b(frame: pd.DataFrame) -> np.ndarray:
        return np.where((frame["score"] >= 60) & (frame["group"] == "a"), 0.9, 0.1)

    found, groups = asked(never_b, refused())
    costs = costs_of(found)
    gap = lacking_gap(costs, groups, rng=np.random.default_rng(0))
    assert gap.estimate.value == 1
    assert (gap.lowest, gap.highest) == ("a", "b")
    alone = cost_gap(costs, groups, rng=np.random.default_rng(0))
    assert not alone.estimate.defined
    table = by_group(found, groups).set_index("group")
    assert table.loc["a", "found"] == 1
    assert table.loc["b", "found"] == 0
    assert np.isinf(table.loc["b", "median cost"])


def test_what_has_to_change_is_said_by_group():
    found, groups = asked(twice, refused())
    table = what_changes(found, groups)
    assert table["column"].tolist() == ["score"]
    assert table[["a", "b"]].to_numpy().tolist() == [[1, 1]]


def test_rows_of_one_person_are_no_evidence_of_their_own():
    found, groups = asked(twice, rows().query("score < 50").reset_index(drop=True))
    people = pd.Series(np.arange(len(groups)) // 10 * 2 + (groups == "b"))
    apart = cost_gap(costs_of(found), groups, rng=np.random.default_rng(0))
    together = cost_gap(costs_of(found), groups, rng=np.random.default_rng(0), clusters=people)
    assert together.estimate.value == pytest.approx(apart.estimate.value)
    assert together.estimate.high != apart.estimate.high


def test_the_share_that_hangs_on_one_change_has_a_wilson_interval():
    found = hanging([True] * 3 + [False] * 7)
    assert found.value == pytest.approx(0.3)
    assert found.low < 0.3 < found.high
    assert not hanging([]).defined
