import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from auditkit.errors import UsageError
from auditkit.probing.similarity.canonical import cca, svcca


def noise(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_a_linear_map_that_loses_nothing_is_the_same():
    x = noise(0, 300, 10)
    found = cca(x, x @ noise(1, 10, 10) + 5)
    assert found.estimate.value == pytest.approx(1)
    assert found.in_sample == pytest.approx(1)


def test_noise_correlates_in_sample_as_by_chance_and_not_when_held_out():
    found = [cca(noise(i, 200, 40), noise(i + 50, 200, 40)) for i in range(20)]
    for one in found:
        assert one.in_sample > 0.35
        assert one.in_sample == pytest.approx(one.chance, abs=0.03)
    assert np.mean([one.estimate.value for one in found]) == pytest.approx(0, abs=0.012)
    assert sum(one.estimate.low < 0 < one.estimate.high for one in found) >= 18


def test_planted_directions_are_found_and_no_others():
    x = noise(0, 1000, 12)
    y = np.concatenate([x[:, :3] @ noise(1, 3, 3), noise(2, 1000, 5)], axis=1)
    held = cca(x, y).frame["held out"]
    assert (held[:3] > 0.99).all()
    assert (held[3:].abs() < 0.15).all()


def test_in_sample_it_is_what_scikit_learn_finds():
    x = noise(0, 200, 4)
    y = x[:, :3] + noise(1, 200, 3)
    left, right = CCA(n_components=3, max_iter=5000).fit_transform(x, y)
    theirs = [np.corrcoef(left[:, i], right[:, i])[0, 1] for i in range(3)]
    assert list(cca(x, y).frame["in sample"]) == pytest.approx(theirs, abs=1e-4)


def test_svcca_leaves_out_what_holds_no_variance():
    common = noise(0, 400, 3) * 10
    x = np.concatenate([common, noise(1, 400, 20) / 100], axis=1)
    y = np.concatenate([common, noise(2, 400, 20) / 100], axis=1)
    assert svcca(x, y).kept == (3, 3)
    assert svcca(x, y).estimate.value > 0.99
    assert cca(x, y).kept == (23, 23)
    assert cca(x, y).estimate.value < 0.3


def test_projection_weights_count_directions_by_what_lies_along_them():
    common = noise(0, 500, 2)
    x = np.concatenate([common * 10, noise(1, 500, 6)], axis=1)
    y = np.concatenate([common, noise(2, 500, 6)], axis=1)
    plain, weighted = cca(x, y), cca(x, y, weighting="projection")
    assert weighted.frame["weight"].sum() == pytest.approx(1)
    assert plain.estimate.value < 0.3
    assert weighted.estimate.value > 0.6


def test_what_cannot_be_told_is_said():
    x = noise(0, 40, 11)
    assert cca(x, x).estimate.reason == "11 directions of 40 rows: a quarter as many is the most"
    constant = cca(np.ones((40, 3)), x)
    assert constant.estimate.reason == "the activations are the same for every row"
    with pytest.raises(UsageError, match=r"variance is 1\.5"):
        svcca(x, x, variance=1.5)
    with pytest.raises(UsageError, match="no weighting 'sum'"):
        svcca(x, x, weighting="sum")  # type: ignore[arg-type]
