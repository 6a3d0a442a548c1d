import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from auditkit.errors import DataError
from auditkit.statistics.generation import (
    beside_floor,
    class_shares,
    effective_classes,
    expected_coverage,
    frechet_distance,
    frechet_of_moments,
    kernel_distance,
    largest_share,
    precision_recall_density_coverage,
    smallest_share,
    tolerated_shares,
)


def normal(n: int, d: int = 4, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def test_the_distance_of_two_normal_laws_on_a_line_is_known():
    # N(0, 1) against N(1, 4): 1^2 + (1 - 2)^2.
    assert frechet_of_moments([0.0], [[1.0]], [1.0], [[4.0]]) == pytest.approx(2.0, abs=1e-12)
    assert frechet_of_moments(0.0, 1.0, 1.0, 4.0) == pytest.approx(2.0, abs=1e-12)


def test_independent_features_add_up():
    # 9 + (1 - 3)^2 + (2 - 2)^2
    found = frechet_of_moments([0, 0], np.diag([1, 4]), [0, 3], np.diag([9, 4]))
    assert found == pytest.approx(13.0)


def test_a_general_matrix_root_agrees():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 5)), rng.normal(size=(5, 5))
    c, d = a @ a.T, b @ b.T
    wanted = np.trace(c + d - 2 * sqrtm(c @ d).real)
    assert frechet_of_moments(np.zeros(5), c, np.zeros(5), d) == pytest.approx(wanted, rel=1e-6)


def test_singular_covariances_are_no_trouble():
    one = np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert frechet_of_moments(np.zeros(3), one, np.zeros(3), one) == pytest.approx(0, abs=1e-6)
    assert frechet_of_moments(np.zeros(3), one, np.zeros(3), 0 * one) == pytest.approx(14.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.1, 10))
def test_it_is_symmetric_and_grows_with_the_square_of_the_scale(seed: int, scale: float):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(20, 3)), rng.normal(size=(30, 3)) + 1
    here = frechet_distance(a, b)
    assert frechet_distance(b, a) == pytest.approx(here)
    assert frechet_distance(scale * a, scale * b) == pytest.approx(scale**2 * here)


def test_the_floor_of_64_features_is_large_and_falls_with_the_rows():
    distance = [frechet_distance(normal(n, 64, 0), normal(n, 64, 1)) for n in (250, 1000)]
    assert distance == pytest.approx([9.5, 2.2], rel=0.1)


def test_fresh_data_lie_at_the_floor_and_other_data_above_it():
    rng = np.random.default_rng(0)
    fresh = beside_floor(normal(2000), normal(2000, seed=1), rng)
    assert fresh.ratio.low < 1 < fresh.ratio.high
    moved = beside_floor(normal(2000), normal(2000, seed=1, shift=1.0), rng)
    # Four features moved by 1.
    assert moved.distance.value == pytest.approx(4.0, rel=0.1)
    assert moved.ratio.low > 50
    assert moved.floor.low <= moved.floor.value <= moved.floor.high
    assert moved.floor.n == 1000


def test_a_distance_in_units_of_the_spread_does_not_grow_with_the_rows():
    rng = np.random.default_rng(0)
    found = [beside_floor(normal(n), normal(n, seed=1, shift=1.0), rng) for n in (300, 1200, 4800)]
    # Moved by 1 in each of four features whose variances add up to 4.
    assert [one.share.value for one in found] == pytest.approx([1.0] * 3, rel=0.1)
    assert found[2].ratio.value > 10 * found[0].ratio.value


def test_a_generator_of_nothing_but_the_mean_is_one_spread_away():
    real = normal(2000, 6)
    found = beside_floor(real, np.zeros((2000, 6)), np.random.default_rng(0))
    assert found.share.value == pytest.approx(1.0, abs=0.05)
    fresh = beside_floor(real, normal(2000, 6, seed=1), np.random.default_rng(0))
    assert fresh.share.low < 0.003 < fresh.share.high + 0.003
    assert abs(fresh.share.value) < 0.005


def test_the_range_over_halves_holds_the_distance_of_new_samples():
    # Shifted by 1 in one feature: the distance is 1 and the floor's part small.
    held = 0
    for seed in range(40):
        real, made = normal(400, 1, 2 * seed), normal(400, 1, 2 * seed + 1, shift=1.0)
        found = beside_floor(real, made, np.random.default_rng(seed)).distance
        held += found.low <= 1.0 <= found.high
    assert held >= 32


def test_features_that_never_change_have_no_ratio():
    found = beside_floor(np.ones((50, 2)), np.ones((50, 2)), np.random.default_rng(0))
    assert found.floor.value == pytest.approx(0, abs=1e-12)
    assert not found.ratio.defined
    assert "same features" in found.ratio.reason


def test_the_kernel_distance_of_one_law_is_about_nothing():
    inside = 0
    values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
        found = kernel_distance(a, b, rng, subsets=20)
        values.append(found.value)
        inside += found.low <= 0 <= found.high
    assert abs(np.mean(values)) < 2 * np.std(values) / np.sqrt(40)
    assert inside >= 36


def test_the_kernel_distance_of_two_laws_is_known():
    # d = 1, x = 0 and y = 1 always: k(x, x) = 1, k(y, y) = 8, k(x, y) = 1, so 1 + 8 - 2.
    found = kernel_distance(np.zeros(10), np.ones(10), np.random.default_rng(0))
    assert (found.low, found.value, found.high) == pytest.approx((7.0, 7.0, 7.0))


def test_a_line_and_its_shift():
    line = np.arange(10.0)
    found = precision_recall_density_coverage(line, line + 0.25, k=2)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx(1.05)


def test_one_pile_among_two_covers_half():
    real = np.concatenate([np.arange(10.0), 100 + np.arange(10.0)])
    found = precision_recall_density_coverage(real, np.arange(10.0) + 0.25, k=2)
    assert (found.precision, found.recall, found.coverage) == (1, 0.5, 0.5)


def test_features_that_are_all_the_same_overlap():
    same = np.ones((8, 3))
    found = precision_recall_density_coverage(same, same, k=3)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)


def test_samples_far_apart_share_nothing():
    found = precision_recall_density_coverage(normal(50), normal(50, shift=100), k=3)
    assert (found.precision, found.recall, found.density, found.coverage) == (0, 0, 0, 0)


def test_coverage_of_one_law_is_what_theory_says():
    found = [
        precision_recall_density_coverage(normal(200, 2, s), normal(100, 2, s + 99), k=4).coverage
        for s in range(20)
    ]
    assert np.mean(found) == pytest.approx(expected_coverage(200, 100, 4), abs=0.02)
    # One real row, one made row and a ball to the one neighbour: 1 - (2 - 1) / (2 + 1 - 1).
    assert expected_coverage(2, 1, 1) == 0.5


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    whole = precision_recall_density_coverage(normal(60), normal(50, seed=1), k=3)
    monkeypatch.setattr("auditkit.statistics.generation.BLOCK", 7)
    assert precision_recall_density_coverage(normal(60), normal(50, seed=1), k=3) == whole


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="3 images are too few to compare: at least 4"):
        precision_recall_density_coverage(np.arange(3.0), np.arange(9.0), k=2)
    with pytest.raises(DataError, match="1 images are too few"):
        frechet_distance(np.ones((1, 2)), np.ones((5, 2)))
    with pytest.raises(DataError, match="not finite"):
        frechet_distance(np.array([1.0, np.nan]), np.ones(5))
    with pytest.raises(DataError, match="no image"):
        class_shares(np.array([], dtype=int), 3)


def test_shares_of_classes_from_codes_and_from_probabilities():
    codes = np.repeat([0, 1, 2], [50, 30, 20])
    found = class_shares(codes, 4)
    assert [one.value for one in found] == [0.5, 0.3, 0.2, 0.0]
    assert found == class_shares(np.eye(4)[codes] * 0.7 + 0.075, 4)
    assert found[3].low == 0 < found[3].high < 0.1


def test_the_intervals_of_all_shares_hold_at_once():
    truth = np.array([0.02, 0.08, 0.1, 0.2, 0.6])
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        found = class_shares(rng.choice(5, size=300, p=truth), 5)
        held += all(one.low <= t <= one.high for one, t in zip(found, truth, strict=True))
    assert held >= 186


def test_even_classes_count_in_full():
    assert effective_classes([0.25] * 4) == pytest.approx(4)
    assert effective_classes([1, 0, 0]) == pytest.approx(1)
    assert effective_classes([0.5, 0.5, 0]) == pytest.approx(2)


def test_the_smallest_and_the_largest_share_are_those_of_whichever_class_it_be():
    shares = class_shares(np.repeat([0, 1, 2], [50, 30, 20]), 3)
    assert smallest_share(shares) == (2, shares[2])
    assert largest_share(shares) == (0, shares[0])
    close = class_shares(np.repeat([0, 1], [51, 49]), 2)
    place, found = largest_share(close)
    assert (place, found.value, found.low) == (0, 0.51, close[0].low)


def test_limits_of_shares_give_way_where_the_real_classes_are_uneven():
    even = class_shares(np.repeat(np.arange(10), 10), 10)
    assert tolerated_shares(even, 0.02, 0.25) == (0.02, 0.25)
    uneven = class_shares(np.repeat([0, 1], [98, 2]), 2)
    assert tolerated_shares(uneven, 0.02, 0.25) == (0.01, 1.0)
    half = class_shares(np.repeat([0, 1], 50), 2)
    assert tolerated_shares(half, 0.02, 0.25) == (0.02, 0.75)
