import numpy as np
import pytest

from auditkit.errors import DataError
from auditkit.probing.probes.folds import folds_of, loose_folds
from auditkit.probing.probes.labels import Labels, labels_of


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def persons(n: int, people: int, seed: int = 0) -> Labels:
    """Rows of people, most of one class each, some of both."""
    rng = drawn(seed)
    whose = rng.integers(people, size=n)
    own = rng.random(people) < 0.3
    return labels_of(np.where(rng.random(n) < 0.9, own[whose], ~own[whose]), whose=whose)


def test_each_part_has_its_share_of_each_class() -> None:
    labels = labels_of([0] * 103 + [1] * 22)
    parts = folds_of(labels, drawn())
    table = np.array([np.bincount(labels.values[parts == part]) for part in range(5)])
    assert np.ptp(table, axis=0).max() <= 1
    assert np.ptp(table.sum(axis=1)) <= 1


def test_rows_of_one_person_are_never_on_both_sides() -> None:
    for seed in range(20):
        labels = persons(400, 60, seed)
        parts = folds_of(labels, drawn(seed))
        assert labels.whose is not None
        for one in range(60):
            assert len(set(parts[labels.whose == one])) <= 1


def test_parts_of_persons_hold_like_classes() -> None:
    for seed in range(20):
        labels = persons(1000, 150, seed)
        parts = folds_of(labels, drawn(seed))
        rates = [labels.values[parts == part].mean() for part in range(5)]
        assert np.ptp(rates) < 0.03
        assert np.ptp(np.bincount(parts)) < 60


def test_few_persons_give_fewer_parts() -> None:
    labels = labels_of([0, 1] * 20, whose=np.repeat(np.arange(4), 10))
    assert set(folds_of(labels, drawn())) == {0, 1, 2, 3}


def test_numbers_are_dealt_out_in_parts_of_one_size() -> None:
    parts = folds_of(labels_of(np.arange(50) / 3), drawn())
    assert np.bincount(parts).tolist() == [10] * 5


def test_a_class_of_one_person_cannot_be_read() -> None:
    labels = labels_of(["a"] * 30 + ["b"] * 10, whose=[*range(30), *[99] * 10], name="voice")
    with pytest.raises(DataError, match="class 'b' of voice has 1 persons: a probe needs 3"):
        folds_of(labels, drawn())


def test_more_folds_than_persons_are_refused() -> None:
    labels = labels_of([0, 1] * 20, whose=np.repeat(np.arange(4), 10))
    with pytest.raises(DataError, match=r"6 folds, but class '0' of labels has 4 persons: give 3"):
        folds_of(labels, drawn(), 6)


def test_a_penalty_is_chosen_even_where_a_class_is_rare() -> None:
    labels = Labels(name="few", values=np.array([0] * 8 + [1]), levels=("a", "b"))
    assert set(loose_folds(labels, drawn())) == {0, 1, 2, 3, 4}
    with pytest.raises(DataError, match="few has 2 rows"):
        loose_folds(labels.at(np.array([0, 8])), drawn())
