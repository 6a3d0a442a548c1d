import numpy as np
import pytest

from auditkit.attribution.rows import decided, near, preferred, telling_rows, unfair_pairs


def test_typical_is_the_median_right_row_borderline_the_least_sure_and_wrong_the_surest_mistake():
    certainty = [0.1, 0.5, 0.9, 0.4, 0.8]
    right = [True, True, True, False, False]
    found = {one.why: one.row for one in telling_rows(certainty, right)}
    assert found == {"typical": 1, "borderline": 0, "worst mistake": 4}


def test_of_numbers_the_worst_mistake_is_the_farthest_off():
    off = np.array([0.1, 3.0, 0.2, 9.0, 0.4])
    found = {one.why: one.row for one in telling_rows(-off, off < 1, borderline=False)}
    assert found == {"typical": 2, "worst mistake": 3}


def test_no_row_is_chosen_twice_and_no_mistake_is_made_up():
    found = telling_rows([0.3, 0.1, 0.2], [True, True, True])
    assert [(one.row, one.why) for one in found] == [(2, "typical"), (1, "borderline")]
    assert [one.why for one in telling_rows([0.3], [True])] == ["typical"]
    assert [one.why for one in telling_rows([0.3], [False])] == ["borderline"]


def test_a_planted_pair_of_like_people_with_unlike_answers_is_found_first():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3))
    groups = np.array(["a", "b"] * 100)
    answers = np.full(200, 0.5)
    points[51] = points[50] + 1e-3  # alike, but for their group
    answers[50], answers[51] = 0.9, 0.1
    points[71] = points[70] + 50  # far from everybody: unlike answers are no wonder
    answers[71] = 0.0
    (pair, *_) = unfair_pairs(points, groups, answers, rng)
    assert (pair.higher, pair.lower) == (50, 51)
    assert pair.difference == 0.8
    assert pair.distance < pair.usual


def test_equal_answers_and_a_single_group_give_no_pair():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 2))
    assert unfair_pairs(points, ["a", "b"] * 20, np.full(40, 0.3), rng) == ()
    assert unfair_pairs(points, ["a"] * 40, rng.random(40), rng) == ()
    assert unfair_pairs(points, ["a"] * 39 + ["b"], rng.random(40), rng) == ()


def test_a_row_is_in_one_pair_alone():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(300, 2))
    pairs = unfair_pairs(points, rng.choice(["a", "b"], 300), rng.random(300), rng, pairs=20)
    rows = [row for one in pairs for row in (one.higher, one.lower)]
    assert len(pairs) == 20
    assert len(set(rows)) == 40


def test_certainty_of_decisions_choices_and_numbers_by_hand():
    assert decided([0.2, 0.75], 0.5).tolist() == [0.3, 0.25]
    assert preferred([[0.5, 0.25, 0.25], [0.1, 0.3, 0.6]]).tolist() == pytest.approx([0.25, 0.3])
    minus_off, good = near([1.0, 5.0, 2.0], [1.5, 1.0, 2.0])
    assert minus_off.tolist() == [-0.5, -4.0, 0.0]
    assert good.tolist() == [True, False, True]
