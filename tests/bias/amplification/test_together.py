"""Amplification of rows that belong together: as sure as the clusters make it, not the rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.bias.amplification.attribute_sets import indicators
from auditkit.bias.amplification.joints import Joint, joint
from auditkit.bias.amplification.measures import MEASURES, amplification, fewest
from auditkit.bias.amplification.multi_attribute import multi_attribute
from auditkit.bias.amplification.together import Together, rows_together
from auditkit.bias.clusters import clustered_counts, label_clusters
from auditkit.bias.disparity import disparity
from auditkit.bias.groups import label_counts


def rows(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    truth = (rng.random(n) < 0.3 + 0.2 * group).astype(int)
    said = np.where(rng.random(n) < 0.8, truth, rng.integers(0, 2, n))
    return truth, said, group


def test_counts_and_rows_tell_the_same_clusters():
    truth, said, group = rows()
    person = np.arange(300) // 5
    counts, clusters = clustered_counts(truth, said, group, person)
    counted = Joint.of_counts(counts, clusters=clusters)
    read = joint(truth, said, group, clusters=person)
    assert counted.together is not None
    assert read.together is not None
    assert counted.together.number == read.together.number == 60
    held = counted.together.times @ counted.together.cells
    np.testing.assert_array_equal(held.reshape(2, 2, 2), counted.counts)
    for measure in MEASURES:
        one, other = amplification(counted, measure), amplification(read, measure)
        assert one.value.low == pytest.approx(other.value.low)
        assert one.excess.high == pytest.approx(other.excess.high)
        assert "60 clusters" in one.value.method


@pytest.mark.parametrize("measure", MEASURES)
def test_copies_that_are_known_to_be_copies_tell_no_more_than_the_rows(measure):
    truth, said, group = rows()
    person = np.repeat(np.arange(300), 10)
    alone = amplification(joint(truth, said, group), measure)
    many = joint(truth[person], said[person], group[person], clusters=person)
    together = amplification(many, measure)
    cheated = amplification(replace(many, together=None), measure)
    for kind in ("value", "excess"):
        one, whole, by_row = (getattr(which, kind) for which in (alone, together, cheated))
        assert whole.value == pytest.approx(one.value)
        assert whole.high - whole.low == pytest.approx(one.high - one.low, rel=0.05)
        assert by_row.high - by_row.low < 0.5 * (one.high - one.low)
    assert together.accuracy.low == pytest.approx(alone.accuracy.low, abs=0.005)
    assert together.link_p == pytest.approx(alone.link_p, rel=0.5)
    assert cheated.link_p < 1e-3 * alone.link_p


def test_combinations_of_copies_are_as_sure_as_the_rows():
    truth, said, group = rows()
    person = np.repeat(np.arange(300), 10)
    people = indicators(pd.DataFrame({"sex": group, "age": np.arange(300) % 3}))

    def measured(at: np.ndarray, clusters) -> float:
        found = multi_attribute(
            people.iloc[at].reset_index(drop=True),
            truth[at],
            predicted_group=said[at],
            direction="attributes_to_group",
            clusters=clusters,
            rng=np.random.default_rng(0),
        )
        return found.mean.high - found.mean.value

    alone = measured(np.arange(300), None)
    assert measured(person, rows_together(person)) == pytest.approx(alone, rel=0.1)
    assert measured(person, None) < 0.5 * alone


def test_a_group_that_is_left_out_takes_its_rows_from_the_clusters():
    truth, said, group = rows()
    group = np.where(np.arange(300) < 4, 2, group)
    kept = joint(truth, said, group, clusters=np.arange(300) // 2).at_least(10)
    assert kept.together is not None
    assert kept.groups == ("0", "1")
    held = np.asarray(kept.together.cells.sum(axis=0)).ravel()
    np.testing.assert_array_equal(held.reshape(kept.counts.shape), kept.counts)
    assert kept.together.number == 148


def test_clusters_are_counted_by_what_they_hold_worked_out_by_hand():
    # Truth 1, 1 in group 0 of the first; truth 0, 1 in groups 0 and 1 of the second.
    cell = np.ravel_multi_index(([1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1]), (2, 2, 2))
    found = Together.of_rows(["x", "x", "y", "y"], cell, (2, 2, 2))
    assert found is not None
    assert found.holding(0).tolist() == [1, 2]
    assert found.holding(1).tolist() == [2, 2]
    assert found.holding(2).tolist() == [2, 1]
    assert Together.of_rows([1, 2, 3, 4], cell, (2, 2, 2)) is None


def test_without_amplification_intervals_of_people_hold_and_by_row_they_do_not():
    held: dict[str, list[bool]] = {"people": [], "rows": []}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        person = np.repeat(np.arange(100), 8)
        group, truth = (person % 2), (rng.random(100) < 0.4)[person].astype(int)
        wrong = (rng.random(100) < 0.3)[person]
        made = joint(truth, np.where(wrong, 1 - truth, truth), group, clusters=person)
        for name, one in (("people", made), ("rows", replace(made, together=None))):
            excess = amplification(one).excess
            held[name].append(excess.low <= 0 <= excess.high)
    assert np.mean(held["people"]) >= 0.94 - 2 * np.sqrt(0.94 * 0.06 / 200)
    assert np.mean(held["rows"]) < 0.75


def test_the_clusters_of_labels_are_those_of_the_labels_own_table():
    truth, said, group = rows()
    person = np.arange(300) // 5
    counts, clusters = clustered_counts(truth, said, group, person)
    labels, own = clustered_counts(truth, truth, group, person)
    pd.testing.assert_frame_equal(label_counts(counts), labels)
    one, other = (
        disparity(labels, "selection_rate", rng=np.random.default_rng(0), clusters=which).estimate
        for which in (label_clusters(clusters), own)
    )
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.02)


def test_the_fewest_rows_that_a_share_rests_on_by_hand():
    # Truth 0 in 5 and 4 rows, 1 in 3 and 0; said 1 in 2 of group 0 and nobody of group 1.
    counts = np.array([[[4, 4], [1, 0]], [[2, 0], [1, 0]]])
    made = Joint(counts=counts, tasks=("0", "1"), groups=("a", "b"))
    assert fewest(made, "attribute_to_task") == 4  # the rows of b
    assert fewest(made, "mals") == 2  # those said to be 1
    truth, said, _ = rows(n=40)
    person = np.arange(40) // 4
    people = joint(truth, said, np.where(person < 3, 0, 1), clusters=person)
    assert fewest(people, "attribute_to_task") == 3
