"""Which rows have a concept, and what chance makes of it."""

import numpy as np
import pandas as pd
import pytest

from auditkit.errors import DataError, UsageError
from auditkit.probing.concepts.examples import (
    Concept,
    concept_of,
    concepts_of,
    random_marks,
    strata_of,
)


def test_a_level_is_set_against_all_others_and_missing_rows_are_not_used():
    column = ["a"] * 10 + ["b"] * 10 + ["c"] * 10 + [None]
    found = concept_of(column, name="letter", level="b")
    assert found.marks.tolist() == [0] * 10 + [1] * 10 + [0] * 10 + [-1]
    assert (found.examples, found.others, len(found.used)) == (10, 20, 30)


def test_of_numbers_the_upper_third_has_it_and_the_middle_is_not_used():
    found = concept_of(np.arange(30.0), name="size")
    assert found.marks.tolist() == [0] * 10 + [-1] * 10 + [1] * 10


def test_truth_values_need_no_level():
    found = concept_of(np.arange(30) % 2 == 0, name="even")
    assert found.marks.tolist() == [1, 0] * 15


def test_a_column_of_two_levels_is_one_concept_and_one_of_three_is_three():
    two = concepts_of(pd.Series(["m", "f"] * 20, name="sex"))
    assert [one.name for one in two] == ["sex = m"]
    three = concepts_of(pd.Series(["a", "b", "c", "a"] * 10, name="x"))
    assert [one.name for one in three] == ["x = a", "x = b", "x = c"]
    assert [one.name for one in concepts_of(pd.Series(np.arange(30.0), name="age"))] == ["high age"]


def test_what_cannot_be_a_concept_is_said_in_one_sentence():
    with pytest.raises(DataError, match="9 of 30 rows have the concept 'few'"):
        concept_of(np.arange(30) < 9, name="few")
    with pytest.raises(UsageError, match=r"no row of letter is 'bb'.*'b'"):
        concept_of(["a", "b"] * 10, name="letter", level="bb")
    with pytest.raises(UsageError, match="say which level of letter"):
        concept_of(["a", "b"] * 10, name="letter")


def test_random_concepts_keep_the_count_in_each_stratum():
    rng = np.random.default_rng(0)
    strata = rng.integers(3, size=90)
    found = concept_of(rng.random(90) < 0.4, name="x")
    drawn = random_marks(found, strata, 50, rng)
    for one in range(3):
        here = drawn[:, strata == one].sum(axis=1)
        assert (here == found.marks[strata == one].sum()).all()
    assert len(np.unique(drawn, axis=0)) == 50
    # By chance each row has it as often as its stratum has.
    many = random_marks(found, strata, 4000, rng).mean(axis=0)
    for one in range(3):
        share = found.marks[strata == one].mean()
        assert np.abs(many[strata == one] - share).max() < 0.05


def test_what_belongs_to_a_person_is_exchanged_between_persons():
    whose = np.repeat(np.arange(20), 4)
    has = np.repeat(np.arange(20) % 2, 4).astype(np.int8)
    found = Concept(name="x", marks=has, whose=whose)
    drawn = random_marks(found, np.zeros(80, np.int64), 20, np.random.default_rng(0))
    assert (drawn.reshape(20, 20, 4) == drawn.reshape(20, 20, 4)[..., :1]).all()
    assert (drawn.sum(axis=1) == 40).all()
    assert len(np.unique(drawn, axis=0)) > 10


def test_what_differs_within_a_person_is_exchanged_there():
    whose = np.repeat(np.arange(20), 4)
    found = Concept(name="x", marks=np.tile([1, 0, 0, 0], 20).astype(np.int8), whose=whose)
    drawn = random_marks(found, np.zeros(80, np.int64), 20, np.random.default_rng(0))
    assert (drawn.reshape(20, 20, 4).sum(axis=2) == 1).all()


def test_strata_of_numbers_are_fifths():
    found = strata_of(np.random.default_rng(0).normal(size=100))
    assert np.bincount(found).tolist() == [20] * 5
    assert strata_of(["a", "b", "a"]).tolist() == [0, 1, 0]
