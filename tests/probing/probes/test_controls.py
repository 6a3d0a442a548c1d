import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from auditkit.errors import DataError
from auditkit.probing.probes.controls import (
    CELL,
    capacity,
    cells,
    control_draws,
    control_labels,
    types_of,
)
from auditkit.probing.probes.folds import folds_of
from auditkit.probing.probes.labels import Labels, labels_of
from auditkit.probing.probes.reading import read


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_rows_of_a_type_get_one_label_and_another_draw_other_labels():
    labels = labels_of(np.tile([0, 0, 1], 100))
    words = np.repeat(np.arange(60), 5)
    types = types_of(labels, types=words, rng=rng())
    first, second = control_draws(labels, types, 2, rng())
    for drawn in (first, second):
        assert all(len(set(drawn.values[words == one])) == 1 for one in range(60))
    assert (first.values != second.values).mean() > 0.2


def test_frequencies_are_exactly_kept_where_every_row_is_a_type():
    labels = labels_of(np.repeat(["a", "b", "c"], [10, 50, 240]))
    drawn = control_labels(labels, types_of(labels, rng=rng()), rng())
    assert np.bincount(drawn.values).tolist() == [10, 50, 240]
    numbers = labels_of(np.linspace(0, 1, 300))
    kept = control_labels(numbers, types_of(numbers, rng=rng()), rng())
    assert sorted(kept.values) == sorted(numbers.values)
    assert not kept.classes


def test_frequencies_are_kept_on_average_where_types_have_many_rows():
    labels = labels_of(np.repeat([0, 1], [240, 60]))
    types = types_of(labels, types=np.repeat(np.arange(10), 30), rng=rng())
    shares = [control_labels(labels, types, rng(seed)).values.mean() for seed in range(200)]
    assert np.mean(shares) == pytest.approx(0.2, abs=0.015)


def test_persons_are_types_where_none_are_given():
    whose = np.repeat(np.arange(20), 15)
    labels = labels_of(np.repeat([0, 1], 150), whose=whose)
    types = types_of(labels, inputs=torch.randn(300, 3), rng=rng())
    drawn = control_labels(labels, types, rng())
    assert types.kind == "persons"
    assert all(len(set(drawn.values[whose == one])) == 1 for one in range(20))
    assert np.array_equal(drawn.whose, whose)
    assert "chance" in types.note(folds_of(labels, rng()))


def test_persons_of_a_row_each_are_no_types_where_there_are_inputs():
    labels = labels_of(np.tile([0, 1], 60), whose=np.arange(120))
    inputs = torch.randn(120, 3, generator=torch.manual_seed(0))
    assert types_of(labels, inputs=inputs, rng=rng()).kind == "cells"
    assert types_of(labels, rng=rng()).kind == "persons"


def test_cells_hold_near_rows_few_of_them_and_equal_rows_together():
    inputs = torch.randn(500, 4, generator=torch.manual_seed(0))
    inputs[100:140] = inputs[100]
    found = cells(inputs, rng())
    sizes = np.bincount(found)
    assert len(set(found[100:140])) == 1
    assert np.delete(sizes, found[100]).max() <= CELL
    assert sizes.min() >= 1
    assert np.array_equal(np.unique(found), np.arange(len(sizes)))
    within = np.mean([inputs[found == one].var(dim=0).mean() for one in np.flatnonzero(sizes > 3)])
    assert within < 0.6  # of a variance of 1


def test_cells_end_where_all_rows_are_equal():
    assert set(cells(torch.ones(50, 3), rng())) == {0}
    mostly = torch.zeros(50, 1)
    mostly[:3] = -1.0
    assert len(set(cells(mostly, rng()))) == 2


def test_a_row_that_is_its_own_type_leaves_a_control_at_chance():
    labels = labels_of(rng().integers(2, size=1000))
    types = types_of(labels, rng=rng())
    drawn = control_labels(labels, types, rng(1))
    found = read(torch.randn(1000, 20, generator=torch.manual_seed(0)), drawn)
    assert found.auc.value == pytest.approx(0.5, abs=0.06)
    said = types.note(folds_of(labels, rng()))
    assert "cannot learn them by heart" in said
    assert types.seen(folds_of(labels, rng())) == 0


def test_a_control_is_learnt_by_heart_where_types_come_again_and_the_layer_is_wide():
    words = rng().permutation(np.repeat(np.arange(100), 10))
    labels = labels_of(rng().integers(2, size=1000))
    types = types_of(labels, types=words, rng=rng())
    drawn = control_labels(labels, types, rng())
    names = torch.eye(100)[words]
    assert read(names, drawn).score.value > 0.95
    assert read(names[:, :3], drawn).score.value < 0.75
    assert types.seen(folds_of(labels, rng())) > 0.99


def test_the_note_counts_rows_whose_type_was_seen():
    labels = labels_of(np.tile([0, 1], 15))
    types = types_of(labels, types=[0] * 15 + list(range(1, 16)), rng=rng())
    parts = np.arange(30) % 3
    assert types.seen(parts) == 0.5
    assert "50 % of rows" in types.note(parts)


def test_what_is_wrong_is_said_in_one_sentence():
    labels = labels_of(np.tile([0, 1], 15))
    with pytest.raises(DataError, match="29 types for 30 labels"):
        types_of(labels, types=np.arange(29), rng=rng())
    with pytest.raises(DataError, match="31 inputs for 30 labels"):
        types_of(labels, inputs=torch.ones(31, 2), rng=rng())
    with pytest.raises(DataError, match="of 1 types all get the same label"):
        control_draws(labels, types_of(labels, types=np.zeros(30), rng=rng()), 2, rng())


def test_capacity_is_that_of_cover():
    by_hand = [
        2.0 ** (1 - n) * sum(math.comb(n - 1, k) for k in range(d + 1))
        for n, d in ((5, 2), (20, 6), (9, 3))
    ]
    assert [capacity(5, 2), capacity(20, 6), capacity(9, 3)] == pytest.approx(by_hand)
    assert capacity(10, 9) == 1  # with the constant as many numbers as points
    assert capacity(20, 9) == pytest.approx(0.5)
    assert capacity(200, 9) < 1e-6


def test_random_labels_of_points_can_be_told_apart_as_often_as_cover_says():
    """Separated by a plane with a constant: y (x w + b) >= 1 has a solution."""
    n, d, draws = 12, 4, 300
    told = 0
    for seed in range(draws):
        x, y = rng(seed).normal(size=(n, d)), rng(seed + 1000).choice([-1, 1], n)
        sides = -y[:, None] * np.column_stack([x, np.ones(n)])
        found = linprog(np.zeros(d + 1), sides, -np.ones(n), bounds=(None, None))
        told += found.status == 0
    assert told / draws == pytest.approx(capacity(n, d), abs=0.08)


def test_the_same_generator_draws_the_same_control():
    labels = Labels(name="x", values=np.arange(100) % 2, levels=("a", "b"))
    types = types_of(labels, rng=rng())
    again = control_labels(labels, types, rng(3)).values
    assert np.array_equal(control_labels(labels, types, rng(3)).values, again)
    assert not np.array_equal(control_labels(labels, types, rng(4)).values, again)
