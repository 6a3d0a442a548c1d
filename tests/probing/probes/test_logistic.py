from math import comb

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from auditkit.probing.probes.logistic import logistics


def planted(
    n: int, d: int, classes: int, *, power: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Rows on a spectrum with deviation i^-power along random axes, and classes read from all."""
    rng = np.random.default_rng(seed)
    inside = rng.normal(size=(n, d))
    log_odds = inside @ rng.normal(size=(d, classes)) * 2 / np.sqrt(d)
    x = (inside / np.arange(1, d + 1) ** power) @ np.linalg.qr(rng.normal(size=(d, d)))[0]
    return x, np.argmax(log_odds + rng.gumbel(size=(n, classes)), axis=1)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("power", [0.0, 2.0])
@pytest.mark.parametrize("penalty", [0.5, 50.0])
def test_weights_equal_scikit_learns_converged_ones(
    classes: int, power: float, penalty: float
) -> None:
    x, y = planted(500, 30, classes, power=power)
    scaled = StandardScaler().fit_transform(x)
    peer = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-10).fit(scaled, y)
    (found,) = logistics(x, np.eye(classes)[y], [penalty])
    weights = found.weights * x.std(axis=0)[:, None]
    if classes == 2:
        assert weights[:, 1] - weights[:, 0] == pytest.approx(peer.coef_[0], abs=2e-5)
    else:
        assert weights == pytest.approx(peer.coef_.T, abs=2e-5)
    assert softmax(found.said(x), axis=1) == pytest.approx(peer.predict_proba(scaled), abs=2e-5)


def test_fewer_rows_than_columns_equal_scikit_learns() -> None:
    x, y = planted(60, 200, 3)
    scaled = StandardScaler().fit_transform(x)
    peer = LogisticRegression(C=0.1, solver="newton-cholesky", tol=1e-10).fit(scaled, y)
    (found,) = logistics(x, np.eye(3)[y], [10.0])
    assert found.weights * x.std(axis=0)[:, None] == pytest.approx(peer.coef_.T, abs=2e-5)


def test_a_path_of_penalties_ends_where_each_alone_does() -> None:
    x, y = planted(300, 10, 3)
    path = list(logistics(x, np.eye(3)[y], [100.0, 1.0, 0.01]))
    (alone,) = logistics(x, np.eye(3)[y], [0.01])
    assert path[2].weights == pytest.approx(alone.weights, abs=2e-5)


@pytest.mark.parametrize("n", [5, 10, 14])
def test_random_labels_are_separated_as_often_as_cover_says(n: int) -> None:
    # A reader with a constant in d dimensions is one without in d + 1: 1 at n = 5, 1/2 at 10.
    d, draws = 4, 150
    expected = 2.0 ** (1 - n) * sum(comb(n - 1, k) for k in range(d + 1))
    separated = 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(n, d)), rng.integers(2, size=n)
        (found,) = logistics(x, np.eye(2)[y], [1e-9], flat=1e-9)
        separated += bool((found.said(x).argmax(axis=1) == y).all())
    spread = np.sqrt(draws * expected * (1 - expected))
    assert abs(separated - draws * expected) <= 3 * spread
