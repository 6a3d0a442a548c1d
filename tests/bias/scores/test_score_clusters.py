"""Scores of rows that belong together: counted whole, drawn whole, dealt out whole."""

from dataclasses import replace

import numpy as np
import pytest

from auditkit.bias.scores.abroca import abroca
from auditkit.bias.scores.group_calibration import group_calibration
from auditkit.bias.scores.score_auc import auc_gap
from auditkit.bias.scores.score_clusters import ScoreParts
from auditkit.bias.scores.score_counts import ScoreCounts, score_counts
from auditkit.errors import DataError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def rows(seed: int = 0, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = rng(seed)
    score = generator.random(n)
    return generator.random(n) < score, score, np.where(np.arange(n) % 3 == 0, "a", "b")


def copied(times: int, seed: int = 0, n: int = 300) -> tuple[ScoreCounts, ScoreCounts]:
    """The rows by themselves, and so many copies of each that are known to be copies."""
    y, score, group = rows(seed, n)
    person = np.repeat(np.arange(n), times)
    together = score_counts(y[person], score[person], group[person], clusters=person)
    return score_counts(y, score, group), together


def people(generator: np.random.Generator, each: int) -> ScoreCounts:
    """Forty people of each group; a person's scores and outcomes are alike."""
    person = np.repeat(np.arange(80), each)
    latent = generator.normal(size=80)[person] + 0.5 * generator.normal(size=len(person))
    chance = 1 / (1 + np.exp(-latent))
    y = generator.random(80)[person] < chance
    return score_counts(y, chance, person % 2, clusters=person)


def test_a_part_is_a_persons_rows_in_a_group_worked_out_by_hand():
    counts = score_counts([1, 0, 1, 0], [0.2, 0.2, 0.9, 0.9], list("aabb"), clusters=[1, 1, 1, 2])
    assert counts.parts is not None
    cells = counts.parts.cells.toarray()  # positives at .2 and .9, negatives at .2 and .9
    found = sorted(zip(counts.parts.group.tolist(), cells.tolist(), strict=True))
    assert found == [(0, [1, 0, 1, 0]), (1, [0, 0, 0, 1]), (1, [0, 1, 0, 0])]
    merged = counts.merged().parts
    assert merged is not None
    assert sorted(merged.cells.toarray().tolist()) == [[0, 0, 0, 1], [1, 1, 1, 0]]
    assert merged.number(1).tolist() == [2]


def test_persons_of_one_row_each_are_no_clusters():
    y, score, group = rows()
    assert score_counts(y, score, group, clusters=np.arange(300)).parts is None


def test_rows_of_nobody_are_one_persons():
    counts = score_counts([1, 0, 1], [0.1, 0.2, 0.3], ["a"] * 3, clusters=[None, None, "x"])
    assert counts.parts is not None
    assert counts.parts.number(1).tolist() == [2]


def test_clusters_of_another_length_are_refused():
    with pytest.raises(DataError, match="clusters has 2 rows, score 3"):
        score_counts([1, 0, 1], [0.1, 0.2, 0.3], ["a"] * 3, clusters=[1, 2])


def test_bins_and_groups_keep_every_row_of_a_part():
    counts = people(rng(), each=10)
    coarse = counts.coarser(8)
    assert coarse.parts is not None
    sides = np.split(coarse.parts.cells.toarray(), 2, axis=1)
    for group in (0, 1):
        mine = coarse.parts.group == group
        np.testing.assert_array_equal(sides[0][mine].sum(axis=0), coarse.positives[group])
        np.testing.assert_array_equal(sides[1][mine].sum(axis=0), coarse.negatives[group])
    second = counts.only([1])
    assert second.parts is not None
    assert second.parts.number(1).tolist() == [40]
    held = np.asarray(second.parts.cells.sum(axis=0)).ravel()
    np.testing.assert_array_equal(held, np.concatenate([second.positives[0], second.negatives[0]]))


def test_dealing_labels_out_keeps_how_many_parts_a_group_has_and_every_row():
    counts = people(rng(), each=5).coarser(8)
    assert counts.parts is not None
    positives, negatives = counts.parts.dealt(2, 30, rng())
    assert positives.shape[2] == 30
    np.testing.assert_array_equal(positives.sum(axis=0).T, [counts.positives.sum(axis=0)] * 30)
    np.testing.assert_array_equal((positives + negatives).sum(axis=1).T, [[200, 200]] * 30)
    assert positives.std(axis=2).max() > 0


def test_a_variance_over_parts_is_worked_out_by_hand():
    # Two parts of two rows, moving the value by 2 and -2 together: 2 x 8 over parts, Student's
    # 12.706 of one degree; for single rows the variance would be 4.
    parts = ScoreParts.of(np.array([0, 0, 1, 1]), np.zeros(4, int), np.array([0, 0, 1, 1]), 2)
    assert parts is not None
    found = parts.wider(np.array([[1.0, -1.0]]), np.array([4.0]))
    assert found[0] == pytest.approx(16 / 4 * (12.7062 / 1.959964) ** 2, rel=1e-5)
    # Where nothing varies the rows of a part are taken for alike: (4 + 4) / 4 rows each.
    flat = parts.wider(np.zeros((1, 2)), np.array([0.0]))
    assert flat[0] == pytest.approx(2 * (12.7062 / 1.959964) ** 2, rel=1e-5)


@pytest.mark.parametrize("times", [4, 10])
def test_copies_that_are_known_to_be_copies_tell_no_more_than_the_rows(times: int):
    alone, together = copied(times)
    for measured in (
        lambda counts: auc_gap(counts, rng=rng()).estimate,
        lambda counts: group_calibration(counts, rng=rng()).gap.estimate,
        lambda counts: abroca(counts, rng=rng()).estimate,
    ):
        one, many = measured(alone), measured(together)
        cheated = measured(replace(together, parts=None))
        assert many.value == pytest.approx(one.value)
        assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.2)
        assert cheated.high - cheated.low < 0.75 * (many.high - many.low)


def test_the_calibration_error_of_copies_is_no_surer_than_that_of_the_rows():
    alone, together = copied(10)
    one, many = (group_calibration(counts, rng=rng()).table for counts in (alone, together))
    cheated = group_calibration(replace(together, parts=None), rng=rng()).table
    assert many["chance"]["b"] == pytest.approx(one["chance"]["b"], rel=0.25)
    assert cheated["chance"]["b"] < 0.7 * many["chance"]["b"]


def test_without_a_gap_intervals_of_people_hold_and_by_row_they_do_not():
    held = {"auc": [], "auc by row": [], "promise": [], "promise by row": [], "curves": []}
    for seed in range(60):
        counts = people(rng(seed), each=8)
        alone = replace(counts, parts=None)
        for name, one in (("", counts), (" by row", alone)):
            found = auc_gap(one, rng=rng(seed), draws=100)
            held[f"auc{name}"].append(found.estimate.low == 0)
            promise = group_calibration(one, rng=rng(seed), draws=100, error_draws=1, bins=2)
            held[f"promise{name}"].append(promise.gap.estimate.low == 0)
        held["curves"].append(abroca(counts, rng=rng(seed), draws=100).estimate.low == 0)
    low = 0.94 - 2 * np.sqrt(0.94 * 0.06 / 60)
    assert min(np.mean(held[one]) for one in ("auc", "promise", "curves")) >= low
    assert np.mean(held["auc by row"]) < 0.85
    assert np.mean(held["promise by row"]) < 0.7


def test_a_group_of_one_person_is_left_out_by_name():
    person = np.r_[np.repeat(np.arange(40), 10), np.full(50, 99)]
    y, score = rng().random(450) < 0.5, rng(1).random(450)
    counts = score_counts(y, score, ["a"] * 200 + ["b"] * 200 + ["c"] * 50, clusters=person)
    for left_out in (
        auc_gap(counts, rng=rng()).measured.left_out,
        group_calibration(counts, rng=rng()).left_out,
        abroca(counts, rng=rng()).left_out,
    ):
        assert left_out == {"c": "all its rows belong together, as of one person"}
