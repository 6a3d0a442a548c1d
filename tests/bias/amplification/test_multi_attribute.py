from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.amplification.attribute_sets import attribute_sets, indicators
from auditkit.bias.amplification.multi_attribute import (
    multi_attribute,
    multi_directional,
    multi_mals,
)
from auditkit.errors import DataError, UsageError


def pictures(n: int = 400, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Three objects in pictures, as they are and as they are said to be; and who is shown."""
    rng = np.random.default_rng(seed)
    who = rng.choice(["F", "M"], n)
    share = np.where(who == "F", 0.6, 0.3)[:, None] * np.array([1.0, 0.8, 0.5])
    there = rng.random((n, 3)) < share
    said = np.where(rng.random((n, 3)) < 0.15, ~there, there)
    names = ["computer", "keyboard", "laundry"]
    return pd.DataFrame(there, columns=names), pd.DataFrame(said, columns=names), who


def test_mean_and_variance_by_hand() -> None:
    # Sets by groups. Shares .75 and .25 become .5 and .5; .4 and .6 become .2 and .8.
    truth, said = [[30, 10], [20, 30]], [[10, 10], [5, 20]]
    mean, variance = multi_mals(truth, said)
    assert mean == pytest.approx((0.25 + 0.2) / 2)  # over the sets, not over set and group
    assert variance == pytest.approx(np.var([-0.25, 0, 0, 0.2]))


def test_gains_and_losses_do_not_cancel() -> None:
    truth = np.array([[30, 10], [30, 10]])
    said = np.array([[34, 6], [26, 14]])
    assert multi_mals(truth, said)[0] == pytest.approx(0.1)


def test_the_directional_measure_by_hand() -> None:
    truth, said = [[30, 10], [10, 20]], [[35, 10], [10, 30]]
    mean, variance = multi_directional(truth, said, [50, 100])  # rows of each group: G -> M
    assert mean == pytest.approx((0.1 + 0 + 0 + 0.1) / 4)
    assert variance == pytest.approx(np.var([0.1, 0, 0, 0.1]))


def test_sets_are_all_combinations_that_occur() -> None:
    there, _, _ = pictures()
    found = attribute_sets(there, most=3)
    wanted = [c for k in (1, 2, 3) for c in combinations(there.columns, k)]
    assert sorted(found) == sorted(wanted)
    assert ("computer",) in attribute_sets(there, most=1)
    assert len(attribute_sets(there, most=1)) == 3
    never = there.assign(ghost=False)
    assert attribute_sets(never, most=3) == found


def test_a_set_needs_enough_rows() -> None:
    table = pd.DataFrame({"a": [1] * 12 + [0] * 8, "b": [0] * 10 + [1] * 10})
    assert attribute_sets(table, most=2, min_rows=3) == [("a",), ("b",)]
    assert attribute_sets(table, most=2, min_rows=2) == [("a",), ("b",), ("a", "b")]


@pytest.mark.parametrize("direction", ["mals", "group_to_attributes", "attributes_to_group"])
def test_it_is_what_a_loop_over_the_rows_gives(direction: str) -> None:
    there, said, who = pictures()
    told = np.where(np.random.default_rng(9).random(len(who)) < 0.1, "F", who)
    found = multi_attribute(
        there,
        who,
        predicted_attributes=said,
        predicted_group=told,
        direction=direction,
        rng=np.random.default_rng(0),
        draws=100,
    )
    change = []
    for one in attribute_sets(there, min_rows=10):
        has, says = (table[list(one)].all(axis=1).to_numpy() for table in (there, said))
        for g in ("F", "M"):
            if direction == "mals":
                b = np.mean(who[has] == g)
                change.append((np.mean(told[says] == g) - b) if b > 0.5 else 0.0)
            elif direction == "group_to_attributes":
                change.append(np.mean(says[who == g]) - np.mean(has[who == g]))
            else:
                change.append(np.mean(told[has] == g) - np.mean(who[has] == g))
    over = len(change) / 2 if direction == "mals" else len(change)
    assert found.mean.value == pytest.approx(np.abs(change).sum() / over)
    assert found.variance == pytest.approx(np.var(change))
    assert found.deviation == pytest.approx(np.std(change))
    assert found.changes["change"].to_numpy() == pytest.approx(np.array(change))


def test_people_are_combinations_of_their_groups() -> None:
    people = pd.DataFrame({"sex": ["F", "F", "M", None], "old": [1.0, 0.0, 1.0, 1.0]})
    table = indicators(people)
    assert list(table) == ["sex: F", "sex: M", "sex: (missing)", "old: 0", "old: 1"]
    assert (table.sum(axis=1) == 2).all()
    assert ("sex: F", "sex: M") not in attribute_sets(table, most=2)


def outcomes(n: int, seed: int, *, harm: float) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Only young women are harmed: neither sex nor age alone shows it so well."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {"sex": rng.choice(["F", "M"], n), "age": rng.choice(["old", "young"], n)}
    )
    truth = (rng.random(n) < 0.5).astype(int)
    hit = (people["sex"] == "F") & (people["age"] == "young")
    said = np.where(hit & (rng.random(n) < harm), 0, truth)
    return people, truth, said


def test_the_combination_that_was_planted_changes_most() -> None:
    people, truth, said = outcomes(2000, 1, harm=0.4)
    found = multi_attribute(
        indicators(people),
        truth,
        predicted_group=said,
        direction="attributes_to_group",
        rng=np.random.default_rng(0),
    )
    assert found.changes["change"].abs().idxmax()[0] == "sex: F and age: young"
    assert found.mean.low > 0
    assert found.mean.value > found.floor


def test_a_perfect_model_changes_nothing_and_still_has_an_interval() -> None:
    people, truth, _ = outcomes(200, 1, harm=0)
    found = multi_attribute(
        indicators(people), truth, predicted_group=truth, rng=np.random.default_rng(0)
    )
    assert found.mean.value == found.noise == found.floor == 0
    assert 0 < found.mean.high < 0.03


def test_blind_errors_are_their_own_noise_baseline() -> None:
    rng = np.random.default_rng(2)
    people, truth, _ = outcomes(40_000, 3, harm=0)
    said = np.where(rng.random(len(truth)) < 0.2, 0, truth)
    found = multi_attribute(
        indicators(people),
        truth,
        predicted_group=said,
        direction="attributes_to_group",
        rng=rng,
        draws=100,
    )
    assert found.noise == pytest.approx(found.mean.value, abs=0.01)


def test_the_interval_holds_where_nothing_is_amplified() -> None:
    hits = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        people, truth, _ = outcomes(150, seed, harm=0)
        said = rng.permutation(truth)  # on average as many of each, everywhere: the truth is 0
        found = multi_attribute(
            indicators(people),
            truth,
            predicted_group=said,
            direction="attributes_to_group",
            rng=rng,
            draws=100,
        )
        hits.append(found.mean.low == 0)
        assert found.mean.value < 4 * found.floor
    assert np.mean(hits) >= 0.9


def test_what_cannot_be_asked_says_why() -> None:
    there, said, who = pictures(60)
    rng = np.random.default_rng(0)
    few = multi_attribute(there, who, predicted_attributes=said, rng=rng, min_rows=100)
    assert "no combination has 100 rows" in few.mean.reason
    alone = multi_attribute(there, np.full(60, "F"), predicted_attributes=said, rng=rng)
    assert "one group" in alone.mean.reason
    with pytest.raises(UsageError, match="no direction"):
        multi_attribute(there, who, rng=rng, direction="up")
    with pytest.raises(DataError, match="different lengths"):
        multi_attribute(there, who[:-1], rng=rng)
    with pytest.raises(DataError, match="0 and 1"):
        multi_attribute(there + 1, who, rng=rng)
    wide = pd.DataFrame(np.ones((3, 60)), columns=[f"a{i}" for i in range(60)])
    with pytest.raises(UsageError, match="combinations"):
        attribute_sets(wide, most=3)


def test_rows_that_were_counted_give_the_same() -> None:
    people, truth, said = outcomes(600, 4, harm=0.2)
    lines = people.assign(truth=truth, said=said).value_counts().reset_index(name="rows")
    options = {"direction": "attributes_to_group", "min_rows": 10}
    by_row = multi_attribute(
        indicators(people), truth, predicted_group=said, rng=np.random.default_rng(0), **options
    )
    counted = multi_attribute(
        indicators(lines[["sex", "age"]]),
        lines["truth"],
        predicted_group=lines["said"],
        weights=lines["rows"],
        rng=np.random.default_rng(0),
        **options,
    )
    pd.testing.assert_frame_equal(by_row.changes, counted.changes)
    assert (by_row.mean.value, by_row.mean.n) == pytest.approx((counted.mean.value, 600))
    assert by_row.noise == pytest.approx(counted.noise)


def test_a_group_that_is_only_predicted_does_not_dilute_what_happens_in_the_others() -> None:
    table, said, group = pictures(60)
    told = group.astype(object).copy()
    told[:3] = "nobody has this"
    found, same = (
        multi_attribute(
            table,
            group,
            predicted_attributes=said,
            predicted_group=guess,
            direction="group_to_attributes",
            rng=np.random.default_rng(0),
            draws=20,
        )
        for guess in (told, None)
    )
    assert found.mean.value == same.mean.value
    assert not found.changes["data"].isna().any()
