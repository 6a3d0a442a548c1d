import math

import numpy as np
import pytest
from scipy.stats import t as student

from auditkit.probing.probes.labels import Labels, labels_of
from auditkit.probing.probes.paired import (
    TWICE,
    Score,
    accuracy_by_row,
    area_by_row,
    contrast,
    explained_by_row,
    mean_of,
)
from auditkit.statistics import classification


def sure(values: np.ndarray) -> np.ndarray:
    """Probabilities of two classes."""
    return np.stack([1 - values, values], axis=1)


def drawn(n: int = 200, seed: int = 0) -> tuple[Labels, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    return labels_of(y), np.clip(0.5 + 0.15 * (y - 0.5) + 0.2 * rng.normal(size=n), 0, 1)


def test_an_area_and_what_each_row_moves_it_by_hand():
    """Positives .9 and .3, negatives .5 and .1: three pairs of four are in order."""
    labels = Labels(name="y", values=np.array([1, 1, 0, 0]), levels=("0", "1"))
    found = area_by_row(labels, sure(np.array([0.9, 0.3, 0.5, 0.1])))
    assert found.value == 0.75
    # Placements 1, 1/2 of positives and 1/2, 1 of negatives, less .75, times 4 / 2.
    assert found.moved == pytest.approx([0.5, -0.5, -0.5, 0.5])


def test_the_error_of_a_single_area_is_delongs_for_probes_as_they_were_fitted():
    labels, said = drawn()
    found = contrast(area_by_row(labels, sure(said)).less(0.5), labels)
    y, n = labels.values, len(labels)
    pairs = said[y == 1][:, None] - said[y == 0][None, :]
    kernel = (pairs > 0) + 0.5 * (pairs == 0)
    delong = kernel.mean(1).var() / (y == 1).sum() + kernel.mean(0).var() / (y == 0).sum()
    assert found.value == pytest.approx(kernel.mean() - 0.5)
    assert found.held == pytest.approx(math.sqrt(delong * n / (n - 1)))
    assert found.error == pytest.approx(math.sqrt(TWICE) * found.held)


def test_the_difference_of_two_areas_is_that_of_the_room_of_statistics():
    labels, said = drawn(1000)
    other = np.clip(said + 0.2 * np.random.default_rng(1).normal(size=1000), 0, 1)
    score = area_by_row(labels, sure(said)) - area_by_row(labels, sure(other))
    found = contrast(score, labels)
    known = classification.auc_difference(labels.values, said, other)
    assert found.value == pytest.approx(known.value)
    assert 2 * 1.96 * found.held == pytest.approx(known.high - known.low, rel=0.03)


def test_of_several_classes_the_area_is_the_mean_and_one_without_rows_is_left_out():
    rng = np.random.default_rng(0)
    said = rng.dirichlet(np.ones(3), size=90)
    labels = Labels(name="y", values=np.arange(90) % 3, levels=("a", "b", "c"))
    each = [classification.auc(labels.values == one, said[:, one]).value for one in range(3)]
    assert area_by_row(labels, said).value == pytest.approx(np.mean(each))
    more = Labels(name="y", values=labels.values, levels=("a", "b", "c", "d"))
    assert area_by_row(more, np.c_[said, np.zeros(90)]).value == pytest.approx(np.mean(each))


def test_r_squared_moves_as_leaving_a_row_out_moves_it():
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    labels, said = labels_of(y), 0.5 * y + 0.3 * rng.normal(size=400)
    found = explained_by_row(labels, said)
    assert found.value == pytest.approx(1 - ((y - said) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    without = [
        explained_by_row(labels.at(np.delete(np.arange(400), row)), np.delete(said, row)).value
        for row in range(30)
    ]
    jackknife = 399 * (found.value - np.array(without))
    assert found.moved[:30] == pytest.approx(jackknife, abs=0.05)
    assert found.moved.mean() == pytest.approx(0, abs=1e-12)


def test_accuracies_are_compared_row_by_row_by_hand():
    """Ten rows; of two the first reader alone is right, of one the second: 1/10, by Student."""
    labels = Labels(name="y", values=np.ones(10, int), levels=("0", "1"))
    first, second = np.full(10, 0.9), np.full(10, 0.9)
    second[:2] = first[2] = 0.1
    score = accuracy_by_row(labels, sure(first)) - accuracy_by_row(labels, sure(second))
    found = contrast(score, labels)
    differences = np.array([1, 1, -1, 0, 0, 0, 0, 0, 0, 0])
    error = math.sqrt(TWICE) * differences.std(ddof=1) / math.sqrt(10)
    assert found.value == pytest.approx(0.1)
    assert found.p == pytest.approx(2 * student.sf(0.1 / error, 9))
    estimate = found.estimate("by hand")
    assert estimate.high == pytest.approx(0.1 + student.ppf(0.975, 9) * error)


def test_rows_of_a_person_that_agree_tell_no_more_than_one():
    labels, said = drawn(100)
    alone = contrast(area_by_row(labels, sure(said)).less(0.5), labels)
    many = Labels(
        name="y",
        values=np.repeat(labels.values, 5),
        levels=labels.levels,
        whose=np.repeat(np.arange(100), 5),
    )
    together = contrast(area_by_row(many, sure(np.repeat(said, 5))).less(0.5), many)
    assert together.error == pytest.approx(alone.error)
    assert together.units == 100


def test_draws_of_a_control_that_differ_beyond_their_rows_make_the_difference_less_sure():
    labels, said = drawn()
    score = area_by_row(labels, sure(said)).less(0.5)
    alone = contrast(score, labels)

    def at(*values: float) -> list[Score]:
        return [Score(value=one, moved=score.moved) for one in values]

    same = contrast(score, labels, drawn=at(0.5, 0.5, 0.5))
    apart = contrast(score, labels, drawn=at(0.3, 0.5, 0.7))
    assert (same.error, same.degrees) == (alone.error, alone.degrees)
    beyond = (0.04 - alone.error**2) / 3
    assert apart.error == pytest.approx(math.sqrt(alone.error**2 + beyond))
    assert apart.degrees == pytest.approx(apart.error**4 / (alone.error**4 / 199 + beyond**2 / 2))
    assert apart.p > same.p


def test_few_persons_cannot_be_surer_than_dealing_their_labels_out_again():
    """Of two persons of each class 4! / 2! 2! = 6 dealings are one as good as this."""
    labels = Labels(
        name="y",
        values=np.repeat([0, 0, 1, 1], 50),
        levels=("0", "1"),
        whose=np.repeat(np.arange(4), 50),
    )
    found = contrast(area_by_row(labels, sure(labels.values.astype(float))).less(0.5), labels)
    assert found.value == 0.5
    assert found.p == pytest.approx(1 / 6)
    free = Labels(name="y", values=labels.values, levels=labels.levels)
    assert contrast(area_by_row(free, sure(labels.values.astype(float))).less(0.5), free).p < 1e-6


def test_the_mean_of_scores_moves_by_the_mean():
    labels, said = drawn()
    one, other = area_by_row(labels, sure(said)), accuracy_by_row(labels, sure(said))
    both = mean_of([one, other])
    assert both.value == (one.value + other.value) / 2
    assert both.moved == pytest.approx((one.moved + other.moved) / 2)


def test_an_area_without_a_class_is_undefined():
    labels = Labels(name="y", values=np.zeros(5, int), levels=("0", "1"))
    found = contrast(area_by_row(labels, sure(np.linspace(0, 1, 5))), labels)
    assert math.isnan(found.p)
    assert found.estimate("x").reason == "a class is missing"
