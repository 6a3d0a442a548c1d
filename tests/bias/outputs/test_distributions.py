"""Distances of distributions: as scipy's, with intervals that hold and a null that is one."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest, wasserstein_distance

from auditkit.bias.outputs.distributions import DISTANCES, distribution_gap
from auditkit.bias.outputs.number_errors import NumberErrors, number_errors
from auditkit.errors import UsageError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def told(groups: dict[str, np.ndarray], **others) -> NumberErrors:
    """What is said by group; every true number is 0, so that errors are the same numbers."""
    said = np.concatenate(list(groups.values()))
    names = np.repeat(list(groups), [len(one) for one in groups.values()])
    return number_errors(np.zeros(len(said)), said, names, **others)


@pytest.mark.parametrize("seed", range(5))
def test_distances_are_scipys(seed: int):
    generator = rng(seed)
    a, b = generator.normal(size=80), generator.exponential(size=150).round(1)
    errors = told({"a": a, "b": b})
    far = distribution_gap(errors, rng=generator, draws=20)
    wide = distribution_gap(errors, distance="kolmogorov_smirnov", rng=generator, draws=20)
    assert far.estimate.value == pytest.approx(wasserstein_distance(a, b))
    assert wide.estimate.value == pytest.approx(ks_2samp(a, b).statistic)
    assert {far.first, far.second} == {"a", "b"}


def test_a_shift_is_as_far_as_it_is():
    a = np.linspace(0, 1, 50)
    gap = distribution_gap(told({"a": a, "b": a + 0.25, "c": a + 1}), rng=rng())
    assert gap.estimate.value == pytest.approx(1.0)
    assert (gap.first, gap.second) == ("a", "c")
    assert gap.pairs["value"].tolist() == pytest.approx([0.25, 1.0, 0.75])
    assert gap.estimate.low > 0.5
    assert gap.null.p_value < 0.01


def test_equal_means_may_hide_that_one_group_is_told_the_same_number():
    gap = distribution_gap(told({"a": np.zeros(100), "b": np.tile([-1.0, 1.0], 50)}), rng=rng())
    assert gap.estimate.value == pytest.approx(1.0)


def test_what_is_compared_is_what_was_asked_for():
    errors = number_errors([0, 0, 5, 5], [1, 1, 5, 5], ["a", "a", "b", "b"])
    for of, expected in {"said": 4, "errors": 1, "truth": 5}.items():
        assert distribution_gap(errors, of, rng=rng()).estimate.value == pytest.approx(expected)


@pytest.mark.parametrize("distance", ["wasserstein", "kolmogorov_smirnov"])
def test_without_a_gap_intervals_hold_and_p_is_uniform(distance: str):
    held, found = [], []
    for seed in range(150):
        generator = rng(seed)
        errors = told({name: generator.normal(size=n) for name, n in SIZES.items()})
        gap = distribution_gap(errors, distance=distance, rng=generator, draws=200)
        held.append(gap.estimate.low == 0)
        found.append(gap.null.p_value)
    assert np.mean(held) >= 0.94 - 2 * math.sqrt(0.94 * 0.06 / 150)
    assert kstest(found, "uniform").pvalue > 0.001


SIZES = {"a": 40, "b": 100, "c": 200}


@pytest.mark.parametrize("distance", ["wasserstein", "kolmogorov_smirnov"])
def test_a_true_distance_lies_in_the_interval(distance: str):
    """Normals one apart: the area between them is 1, the widest gap 2 Phi(1/2) - 1 = .3829."""
    truth = {"wasserstein": 1.0, "kolmogorov_smirnov": 0.382925}[distance]
    held = []
    for seed in range(100):
        generator = rng(seed)
        errors = told({"a": generator.normal(size=60), "b": generator.normal(1, size=200)})
        found = distribution_gap(errors, distance=distance, rng=generator, draws=200).estimate
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.94


def test_rows_of_one_person_are_not_taken_for_as_many():
    held, found = {"person": [], "row": []}, []
    for seed in range(60):
        generator = rng(seed)
        person = np.repeat(np.arange(40), 10)
        said = generator.normal(size=40)[person] + 0.3 * generator.normal(size=400)
        group = np.array(["a", "b"])[person % 2]
        for unit, clusters in (("person", person), ("row", None)):
            errors = number_errors(np.zeros(400), said, group, clusters=clusters)
            gap = distribution_gap(errors, rng=generator, draws=200)
            held[unit].append(gap.estimate.low == 0)
            if clusters is not None:
                found.append(gap.null.p_value)
    assert np.mean(held["person"]) >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / 60)
    assert np.mean(held["row"]) < 0.8
    assert kstest(found, "uniform").pvalue > 0.001


def test_a_person_in_several_groups_leaves_the_null_to_the_bootstrap():
    generator = rng(1)
    errors = number_errors(
        np.zeros(200),
        generator.normal(size=200),
        np.tile(["a", "b"], 100),
        clusters=np.repeat(np.arange(50), 4),
    )
    gap = distribution_gap(errors, rng=generator)
    alone = distribution_gap(number_errors(errors.truth, errors.said, errors.codes), rng=generator)
    assert gap.null.mean == pytest.approx(alone.null.mean, rel=0.25)


def test_small_groups_and_a_single_one_are_said():
    errors = told({"a": np.ones(20), "b": np.ones(3)})
    gap = distribution_gap(errors, rng=rng(), min_group_size=10)
    assert gap.left_out == {"b": "fewer than 10 rows"}
    assert gap.estimate.reason == "1 group to compare; a gap needs two"
    assert math.isnan(gap.null.mean)


def test_numbers_that_are_all_alike_are_no_gap():
    gap = distribution_gap(told({"a": np.ones(20), "b": np.ones(30)}), rng=rng())
    assert (gap.estimate.value, gap.estimate.low, gap.estimate.high) == (0, 0, 0)


def test_what_cannot_be_asked_is_refused():
    errors = told({"a": np.ones(20), "b": np.ones(30)})
    with pytest.raises(UsageError, match="wasserstein"):
        distribution_gap(errors, distance="wasser", rng=rng())
    with pytest.raises(UsageError, match="said"):
        distribution_gap(errors, "sad", rng=rng())
    with pytest.raises(UsageError, match="draws is 0"):
        distribution_gap(errors, rng=rng(), draws=0)


@pytest.mark.parametrize("unit", ["", "person"])
@pytest.mark.parametrize("distance", list(DISTANCES))
def test_numbers_that_are_all_alike_in_each_group_still_leave_doubt(
    distance: str, unit: str
) -> None:
    group = np.repeat(["a", "b"], 12)
    clusters = np.arange(24) if unit else None
    errors = number_errors(
        np.zeros(24), np.repeat([0.0, 1.0], 12), group, clusters=clusters, unit=unit
    )
    found = distribution_gap(errors, distance=distance, rng=np.random.default_rng(0), draws=500)
    assert found.estimate.value == 1
    assert 0.5 < found.estimate.low < 0.9
