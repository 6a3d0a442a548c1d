import itertools
import math

import numpy as np
import pytest

from auditkit.errors import DataError
from auditkit.probing.dimension import anisotropy, geometry, participation_ratio, two_nn


def noise(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def embedded(rows: np.ndarray, width: int = 40) -> np.ndarray:
    """The same rows turned into a wider space."""
    turn = np.linalg.qr(noise(7, width, width))[0]
    return rows @ turn[: rows.shape[1]]


def by_hand(x: np.ndarray) -> float:
    """Squared trace over trace of the square, each a mean over four different rows."""
    squares, traces = [], []
    for i, j, k, m in itertools.permutations(range(len(x)), 4):
        one, other = x[i] - x[j], x[k] - x[m]
        traces.append(one @ one * (other @ other) / 4)
        squares.append((one @ other) ** 2 / 4)
    return float(np.mean(traces) / np.mean(squares))


def test_the_participation_ratio_is_a_mean_over_four_rows():
    x = noise(0, 9, 3) * [3, 1, 1] + 5
    assert participation_ratio(x).value == pytest.approx(by_hand(x))


def test_its_interval_is_that_of_leaving_each_row_out():
    x = noise(0, 30, 4) * [3, 2, 1, 1]
    found = participation_ratio(x)
    left = np.array([participation_ratio(np.delete(x, i, axis=0)).value for i in range(30)])
    half = 2.0452 * math.sqrt(29 * left.var())  # Student's with 29 degrees of freedom
    assert math.log(found.high / found.value) == pytest.approx(half / found.value, rel=1e-3)


@pytest.mark.parametrize(("n", "d"), [(30, 200), (100, 50), (1000, 10)])
def test_few_rows_do_not_make_it_small(n: int, d: int):
    """The plain ratio is near n d / (n + d), 26 at n = 30, d = 200."""
    found = [participation_ratio(noise(i, n, d)).value for i in range(30)]
    assert np.median(found) == pytest.approx(d, rel=0.1)


def test_one_direction_is_one_and_planted_directions_are_counted():
    assert participation_ratio(embedded(noise(0, 300, 1))).value == pytest.approx(1)
    spread = participation_ratio(embedded(noise(0, 2000, 2) * [2, 1]))
    assert spread.low < 25 / 17 < spread.high  # (4 + 1)^2 / (16 + 1)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_two_nn_finds_the_dimension_of_what_lies_in_more(d: int):
    found = [two_nn(embedded(noise(i, 600, d))) for i in range(10)]
    assert np.mean([one.value for one in found]) == pytest.approx(d, rel=0.04)
    assert sum(one.low <= d <= one.high for one in found) >= 8


def test_two_nn_sees_a_curved_surface_that_the_variance_does_not():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 800)
    waves = np.stack([f(k * angle) for k in (1, 2, 3) for f in (np.sin, np.cos)], axis=1)
    assert two_nn(waves).value == pytest.approx(1, rel=0.1)
    assert participation_ratio(waves).value == pytest.approx(6, rel=0.1)


def test_rows_that_coincide_are_taken_once_and_counted():
    x = noise(0, 300, 3)
    doubled = np.concatenate([x, x, x[:50]])
    assert two_nn(doubled).value == pytest.approx(two_nn(x).value)
    assert geometry({"layer": doubled}).frame["coinciding"][0] == 350


def test_too_few_different_rows_have_no_dimension():
    found = two_nn(np.repeat(noise(0, 10, 3), 5, axis=0))
    assert math.isnan(found.value)
    assert found.reason == "only 10 rows differ"


def test_anisotropy_is_the_mean_over_all_pairs():
    x = noise(0, 12, 3) + 1
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [units[i] @ units[j] for i, j in itertools.combinations(range(12), 2)]
    assert anisotropy(x).value == pytest.approx(np.mean(pairs))


def test_anisotropy_is_none_of_noise_and_an_offset_is_taken_away_by_centring():
    found = [anisotropy(noise(i, 100, 16)) for i in range(20)]
    assert sum(one.low <= 0 <= one.high for one in found) >= 18
    offset = noise(0, 100, 16) + 3
    assert anisotropy(offset).low > 0.8
    assert anisotropy(offset, centre=True).value == pytest.approx(-1 / 99, abs=0.002)


def test_rows_of_zeros_have_no_direction():
    x = noise(0, 20, 3)
    x[:5] = 0
    assert anisotropy(x).n == 15
    assert anisotropy(np.zeros((20, 3))).reason == "0 rows have a direction"


def test_the_shape_of_each_layer_stands_on_a_line():
    frame = geometry({"one": noise(0, 100, 4), "dead": np.ones((100, 4))}).frame
    assert list(frame["layer"]) == ["one", "dead"]
    assert frame["participation_low"][0] < 4 < frame["participation_high"][0]
    assert math.isnan(frame["participation"][1])
    assert frame["reason"][1] == (
        "the activations are the same for every row; 0 rows have a direction"  # once centred
    )


def test_nan_is_named_with_its_layer():
    x = noise(0, 20, 3)
    x[4, 1] = np.nan
    with pytest.raises(DataError, match="row 5 of the activations of 'stem' holds NaN"):
        geometry({"stem": x})
